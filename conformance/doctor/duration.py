"""How long a run will take, roughly: from the VMs that each test was seen to boot and to move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.catalog.index import without_parameters

FILE = Path(__file__).with_name("work.yaml")


@dataclass(frozen=True)
class Work:
    """What a test was seen to do: VMs booted, live migrations made."""

    boots: float
    migrations: float


@dataclass(frozen=True)
class Estimate:
    """The work of a run, and what it takes one after another, in seconds."""

    tests: int
    boots: int
    migrations: int
    seconds: float

    def __str__(self) -> str:
        assumed = _assumed()
        duration = f"about {round(self.seconds / 60)} min" if self.seconds >= 60 else "less than a minute"
        return (
            f"{duration} with one worker: {self.tests} tests of {assumed['test']} s, "
            f"{self.boots} VM boots of {assumed['boot']} s, {self.migrations} live migrations of "
            f"{assumed['migration']} s, as on a real cluster; the lab is faster, and -n N divides it"
        )


def estimate(nodeids: Iterable[str]) -> Estimate:
    """The estimate for tests by pytest's ids, parameters or not; one that has not been recorded counts as the mean."""
    chosen = list(dict.fromkeys(without_parameters(nodeid) for nodeid in nodeids))
    known, assumed = _recorded(), _assumed()
    mean = Work(_mean(each.boots for each in known.values()), _mean(each.migrations for each in known.values()))
    work = [known.get(nodeid, mean) for nodeid in chosen]
    boots, migrations = round(sum(each.boots for each in work)), round(sum(each.migrations for each in work))
    seconds = len(chosen) * assumed["test"] + boots * assumed["boot"] + migrations * assumed["migration"]
    return Estimate(len(chosen), boots, migrations, seconds)


def recorded() -> frozenset[str]:
    """The tests that are recorded, by pytest's ids without parameters."""
    return frozenset(_recorded())


def _mean(values: Iterable[float]) -> float:
    counted = list(values)
    return sum(counted) / len(counted) if counted else 0.0


def _recorded() -> dict[str, Work]:
    return {nodeid: Work(*counts) for nodeid, counts in _data()["tests"].items()}


def _assumed() -> dict[str, float]:
    assumed: dict[str, float] = _data()["assumed"]
    return assumed


@cache
def _data() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded
