"""Whether a run proves what it was to prove. Pure functions."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass

from conformance.prove.runs import Finding
from conformance.verdicts import Verdict

CAUGHT = (Verdict.FAILED, Verdict.LIFTED)
SOUND = (Verdict.PASSED, Verdict.CONFIRMED)
_TYPE = re.compile(r"^([A-Za-z]+): ")


@dataclass(frozen=True)
class Judgement:
    """Whether it is proved, and in one line what was seen."""

    proved: bool
    why: str


def catches(finding: Finding | None, message: re.Pattern[str]) -> Judgement:
    """Whether the requirement's tests found the fault: failed by an assertion, with a message that names it."""
    if finding is None:
        return Judgement(False, "the run says nothing of the requirement")
    caught = [reason for _, verdict, reason in finding.reasons if verdict in CAUGHT]
    named = [reason for reason in caught if message.search(reason) and not _is_crash(reason)]
    if finding.verdict in CAUGHT and named:
        return Judgement(True, named[0])
    if crashed := [reason for reason in caught if _is_crash(reason)]:
        return Judgement(False, f"the test itself crashed: {crashed[0]}")
    if caught:
        return Judgement(False, f"the message does not match {message.pattern!r}: {caught[0]}")
    reasons = [reason for _, _, reason in finding.reasons]
    return Judgement(False, f"{finding.verdict.value}, not failed{': ' + reasons[0] if reasons else ''}")


def holds(finding: Finding | None) -> Judgement:
    """Whether the requirement's tests pass on a lab without faults."""
    if finding is None:
        return Judgement(False, "the run says nothing of the requirement")
    reasons = [reason for _, verdict, reason in finding.reasons if verdict not in SOUND]
    why = f"{finding.verdict.value} without the fault{': ' + reasons[0] if reasons else ''}"
    return Judgement(finding.verdict in SOUND, why)


def _is_crash(reason: str) -> bool:
    """Whether the exception was one by which Python tells a mistake in the program."""
    found = _TYPE.match(reason)
    kind = getattr(builtins, found.group(1), None) if found else None
    if not isinstance(kind, type):
        return False
    return issubclass(kind, Exception) and not issubclass(kind, AssertionError | OSError)
