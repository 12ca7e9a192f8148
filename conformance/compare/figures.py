"""Figures of two reports side by side, and which of them moved farther than they scatter.

A figure such as ``longest silence`` is measured many times in a run. It has moved when its median did so by more than
its spread: the larger of the two ranges (largest less smallest sample), and never less than a tenth of the earlier
median. With fewer than three samples on either side the spread is not known: both medians are told, and not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from conformance.compare.changes import BROKEN, HOLDS
from conformance.compare.reading import Report

FEWEST = 3
LEAST_PART = 0.1


@dataclass(frozen=True)
class Samples:
    """All samples of a figure in one report."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """Their median."""
        return float(median(self.values))

    @property
    def range(self) -> float:
        """The largest less the smallest."""
        return max(self.values) - min(self.values)


@dataclass(frozen=True)
class Movement:
    """A figure in both reports, in its unit."""

    name: str
    unit: str
    before: Samples
    after: Samples

    @property
    def judged(self) -> bool:
        """Whether there are enough samples on both sides to know how they scatter."""
        return min(len(self.before.values), len(self.after.values)) >= FEWEST

    @property
    def spread(self) -> float:
        """What the median may differ by without having moved."""
        return max(self.before.range, self.after.range, LEAST_PART * abs(self.before.middle))

    @property
    def moved(self) -> bool:
        """Whether the median moved beyond the spread."""
        return self.judged and abs(self.after.middle - self.before.middle) > self.spread

    def __str__(self) -> str:
        """One line, with the number of samples and what is made of it."""
        sides = (f"{_short(side.middle)} {self.unit} ({len(side.values)})" for side in (self.before, self.after))
        line = f"{self.name}: {' -> '.join(sides)}"
        if not self.judged:
            return f"{line}; too few samples to judge"
        limit = f"{_short(self.spread)} {self.unit}"
        return f"{line}; {'moved by more than' if self.moved else 'within'} its spread of {limit}"


def movements(before: Report, after: Report) -> list[Movement]:
    """Every figure that both reports have, of requirements that ran to their end in both; by name."""
    old, new = before.requirements, after.requirements
    ran = HOLDS | BROKEN
    ids = [id for id in old if id in new and before.verdict(id) in ran and after.verdict(id) in ran]
    earlier, later = _samples(before, ids), _samples(after, ids)
    return [Movement(*key, Samples(earlier[key]), Samples(later[key])) for key in sorted(earlier) if key in later]


def _samples(report: Report, ids: Sequence[str]) -> dict[tuple[str, str], tuple[float, ...]]:
    """By name and unit. A test of several requirements stands under each: its figures count once."""
    found: dict[tuple[str, str], tuple[float, ...]] = {}
    seen: set[str] = set()
    for id in ids:
        requirement = report.requirements[id]
        tests = {test["nodeid"] for test in requirement["tests"]}
        if tests <= seen:
            continue
        seen |= tests
        for figure in requirement["figures"]:
            key = (figure["name"], figure["unit"])
            found[key] = (*found.get(key, ()), float(figure["value"]))
    return found


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
