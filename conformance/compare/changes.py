"""What became of one requirement between two reports. Pure functions over verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from conformance.compare.reading import Report
from conformance.verdicts import Verdict

HOLDS = frozenset({Verdict.PASSED, Verdict.CONFIRMED})
BROKEN = frozenset({Verdict.FAILED, Verdict.LIFTED})
MISSING = "missing"


class Trend(StrEnum):
    """Which way a requirement went; the value is the heading under which it is told."""

    WORSE = "worse"
    LOST = "no longer verified"
    ABSENT = "newly not applicable"
    BETTER = "better"
    GAINED = "newly verified"
    COVERED = "newly covered by a test and not verified"
    UNCOVERED = "not covered by a test any more"
    STILL = "still failing"
    UNKNOWN = "failing before and not verified now"
    SAME = "unchanged"


#: Where what was known to hold is known no more, nothing has been verified: that is no better than a failure.
REGRESSIONS = frozenset({Trend.WORSE, Trend.LOST})


@dataclass(frozen=True)
class Change:
    """One requirement in both reports; a verdict is ``missing`` where a report does not speak of it.

    ``reason`` is the later report's, or what is wrong with its silence.
    """

    id: str
    trend: Trend
    before: str
    after: str
    reason: str = ""

    @property
    def regression(self) -> bool:
        """Whether it held before and is not known to hold now, or fails now and did not before."""
        held = self.before in HOLDS
        return self.trend in REGRESSIONS or (held and self.trend in (Trend.ABSENT, Trend.UNCOVERED))


def trend(before: Verdict | None, after: Verdict | None) -> Trend:
    """Which way it went; None stands for a report that does not speak of it."""
    if after in BROKEN:
        return Trend.STILL if before in BROKEN else Trend.WORSE
    if after in HOLDS:
        return Trend.SAME if before in HOLDS else Trend.BETTER if before in BROKEN else Trend.GAINED
    if after is not before and after is Verdict.NOT_APPLICABLE and before is not None:
        return Trend.ABSENT
    if after is not before and after is Verdict.NOT_COVERED and before is not None:
        return Trend.UNCOVERED
    if before in HOLDS:
        return Trend.LOST
    if before in BROKEN:
        return Trend.UNKNOWN
    without_test = (None, Verdict.NOT_COVERED)
    return Trend.COVERED if before in without_test and after not in without_test else Trend.SAME


def changes(before: Report, after: Report) -> list[Change]:
    """Every requirement of either report: those of the earlier first, in its order."""
    ids = dict.fromkeys([*before.requirements, *after.requirements])
    return [_change(id, before, after) for id in ids]


def _change(id: str, before: Report, after: Report) -> Change:
    old, new = before.verdict(id), after.verdict(id)
    went = trend(old, new)
    reason = after.requirements[id]["reason"] if id in after.requirements else f"{after.name} does not speak of it"
    return Change(id, went, old or MISSING, new or MISSING, "" if went is Trend.SAME else reason)
