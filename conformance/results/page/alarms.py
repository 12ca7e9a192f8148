"""What needs a look, in the order in which one looks at it, the first cause in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.pictures.matrix import wrong
from conformance.results.page.ends import Wrong, in_common, wrong_paths

ALARMING = ("failed", "lifted", "blocked")
_CAUSE = "; first cause: "
#: Of tests that one thing befell, as many are shown in full.
SHOWN = 3

Requirement = Mapping[str, Any]
Test = Mapping[str, Any]


@dataclass(frozen=True)
class Alarm:
    """Requirements that one and the same thing befell.

    ``cause`` is what lies beneath, ``seen`` what it showed itself by, if that is something else.
    """

    verdict: str
    requirements: tuple[Requirement, ...]
    cause: str
    seen: str
    tests: tuple[Test, ...]
    paths: tuple[Wrong, ...]
    common: tuple[str, ...]

    @property
    def id(self) -> str:
        """For links to it."""
        return f"alarm-{self.requirements[0]['id'].replace('/', '-')}"

    @property
    def shown(self) -> tuple[Test, ...]:
        """Its first tests; the others are found at their requirements."""
        return self.tests[:SHOWN]

    @property
    def exhibits(self) -> tuple[Mapping[str, Any], ...]:
        """What those tests showed: of matrices, those that are wrong, if some are."""
        shown = [exhibit for test in self.shown for exhibit in test["exhibits"]]
        bad = [each for each in shown if each["kind"] == "matrix" and wrong(each)]
        return tuple(each for each in shown if each["kind"] != "matrix" or each in (bad or shown))

    @property
    def since(self) -> str:
        """When the first of its tests began; empty when none did."""
        return min((test["started"] for test in self.tests if test["started"]), default="")


def alarms(requirements: Sequence[Requirement]) -> list[Alarm]:
    """One for each verdict and reason: failures first, then what is lifted and blocked, each by time."""
    groups: dict[tuple[str, str], list[Requirement]] = {}
    for each in requirements:
        if each["verdict"] in ALARMING:
            groups.setdefault((each["verdict"], each["reason"]), []).append(each)
    found = [_alarm(verdict, reason, tuple(each)) for (verdict, reason), each in groups.items()]
    return sorted(found, key=lambda alarm: (ALARMING.index(alarm.verdict), alarm.since or "~"))


def _alarm(verdict: str, reason: str, requirements: tuple[Requirement, ...]) -> Alarm:
    seen, _, beneath = reason.partition(_CAUSE)
    every = {test["nodeid"]: test for each in requirements for test in each["tests"]}
    tests = [test for test in every.values() if test["verdict"] in ALARMING] or list(every.values())
    exhibits = [exhibit for test in tests for exhibit in test["exhibits"]]
    return Alarm(
        verdict,
        requirements,
        beneath or seen,
        seen if beneath else "",
        tuple(tests),
        tuple(wrong_paths(reason, exhibits)),
        tuple(in_common(exhibits)),
    )
