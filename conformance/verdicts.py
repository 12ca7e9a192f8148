"""Verdicts on requirements, and the exceptions by which a test or a fixture gives one.

An assertion that fails is the ordinary way to *failed*; the exceptions here are for the verdicts that an
assertion cannot give.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What a run found out about a requirement; ``docs/architecture.md`` says when each is given."""

    FAILED = "failed"
    LIFTED = "lifted"
    BLOCKED = "blocked"
    PASSED = "passed"
    CONFIRMED = "confirmed"
    NOT_APPLICABLE = "not applicable"
    EXCLUDED = "excluded"
    NOT_COVERED = "not covered"


#: Verdicts of tests that ran to their end and so found something out.
CONCLUSIVE = frozenset({Verdict.FAILED, Verdict.LIFTED, Verdict.PASSED, Verdict.CONFIRMED})
#: Verdicts that a requirement's reader must look at.
ALARMING = frozenset({Verdict.FAILED, Verdict.LIFTED, Verdict.BLOCKED})

# What one test could not judge is not proved by another that passed: the requirement says what is missing.
_WORST_FIRST = (
    Verdict.FAILED,
    Verdict.LIFTED,
    Verdict.BLOCKED,
    Verdict.NOT_APPLICABLE,
    Verdict.EXCLUDED,
    Verdict.CONFIRMED,
    Verdict.PASSED,
    Verdict.NOT_COVERED,
)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a requirement whose tests gave these; *not covered* for none."""
    return min(verdicts, key=_WORST_FIRST.index, default=Verdict.NOT_COVERED)


def meant(verdict: Verdict, limitation: bool) -> Verdict:
    """What a test's verdict means for a requirement, which may be a documented limitation."""
    if limitation and verdict is Verdict.PASSED:
        return Verdict.CONFIRMED
    return Verdict.FAILED if verdict is Verdict.LIFTED and not limitation else verdict


def overall(verdicts: Iterable[Verdict]) -> str:
    """One word for several requirements.

    ``failure``: one at least failed, is lifted or was blocked. ``none``: nothing was found out.
    ``partial``: what ran is well, but some were left out or have no test. ``success``: all are well or not applicable.
    """
    found = set(verdicts)
    if found & ALARMING:
        return "failure"
    if not found & CONCLUSIVE:
        return "none"
    return "partial" if found & {Verdict.EXCLUDED, Verdict.NOT_COVERED} else "success"


class NotApplicable(Exception):
    """A feature that the requirement needs is absent.

    ``feature`` is a name of ``conformance/features/vocabulary.yaml``, ``evidence`` what showed its absence.
    """

    def __init__(self, feature: str, evidence: str) -> None:
        super().__init__(f"{feature}: {evidence}")
        self.feature = feature
        self.evidence = evidence


class Blocked(Exception):
    """Nothing can be said about the requirement, because what its test stands on broke."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Lifted(Exception):
    """A documented limitation is not there any more; ``what`` says what now works."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
