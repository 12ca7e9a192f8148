"""Which faults are planted in this go. Pure functions, but for the look at the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from conformance.catalog.loader import catalog
from conformance.prove.faults import Fault

BASELINE = "upgrade-baseline"
AUTO = "auto"
AUTO_PARTS = 10
#: The number by which a CI counts its runs; each takes the next part.
_RUN_NUMBERS = ("GITHUB_RUN_NUMBER", "CI_PIPELINE_IID", "BUILD_NUMBER")


@dataclass(frozen=True)
class Proof:
    """One fault, and the requirements whose tests have to find it."""

    fault: Fault
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """The ``index``-th of ``count`` parts, counted from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def part(text: str) -> Part:
    """``I/N``, or ``auto`` or ``auto/N``: by the CI's number of the run, else by the day. Raises ValueError."""
    index, _, count = text.partition("/")
    if index == AUTO:
        parts = int(count) if count else AUTO_PARTS
        chosen = Part(_number() % max(parts, 1) + 1, parts)
    else:
        chosen = Part(int(index), int(count))
    if not 1 <= chosen.index <= chosen.count:
        raise ValueError(f"part {text} is none: say I/N with I from 1 to N, or auto")
    return chosen


def proofs(faults: Iterable[Fault], tested: Sequence[str], patterns: Sequence[str]) -> list[Proof]:
    """The proofs asked for: a pattern names requirements, or faults. Requirements without a test are left out."""
    found = []
    for fault in faults:
        by_name = any(fnmatchcase(fault.name, pattern) for pattern in patterns)
        wanted = [id for id in fault.breaks if id in tested]
        if patterns and not by_name:
            wanted = [id for id in wanted if any(fnmatchcase(id, pattern) for pattern in patterns)]
        if wanted:
            found.append(Proof(fault, tuple(wanted)))
    return found


def of_part(planned: Sequence[Proof], chosen: Part) -> list[Proof]:
    """Every ``count``-th proof, beginning with the ``index``-th: neighbours, which are alike, go to different parts."""
    return list(planned[chosen.index - 1 :: chosen.count])


def longest_first(planned: Sequence[Proof]) -> list[Proof]:
    """Those that rehearse an upgrade before the rest, which take a tenth of their time."""
    return sorted(planned, key=lambda proof: not rehearses(proof.requirements))


def rehearses(requirements: Iterable[str]) -> bool:
    """Whether one of the requirements is verified after an upgrade alone."""
    return any(BASELINE in catalog()[id].needs for id in requirements)


def _number() -> int:
    for name in _RUN_NUMBERS:
        if (text := os.environ.get(name, "")).isdigit():
            return int(text)
    return datetime.now(UTC).toordinal()
