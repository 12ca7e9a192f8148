"""A row of the table: its target, and the values measured for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import yaml


@dataclass(frozen=True)
class Target:
    """What a figure is, and the most that it is meant to be, in ``unit``."""

    name: str
    what: str
    unit: str
    target: float


@dataclass(frozen=True)
class Figure:
    """The values measured for a target, each with the machine's load (1 min) at that time."""

    target: Target
    values: tuple[float, ...]
    load: float
    problem: str = ""

    @property
    def median(self) -> float | None:
        """The middle value, if anything was measured."""
        return median(self.values) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the middle value is within the target."""
        return None if self.median is None else self.median <= self.target.target

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.target.name,
            "what": self.target.what,
            "unit": self.target.unit,
            "target": self.target.target,
            "median": self.median,
            "met": self.met,
            "values": list(self.values),
            "load": self.load,
            "problem": self.problem,
        }


@cache
def targets() -> dict[str, Target]:
    """All targets by name, in the order of the table."""
    text = Path(__file__).with_name("targets.yaml").read_text()
    return {name: Target(name, **entry) for name, entry in yaml.safe_load(text).items()}


def chosen(names: Sequence[str]) -> list[str]:
    """The names, in the order of the table; all when none is given. ``KeyError`` names one that there is not."""
    for name in names:
        if name not in targets():
            raise KeyError(name)
    return [name for name in targets() if not names or name in names]
