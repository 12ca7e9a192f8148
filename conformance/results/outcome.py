"""From how a phase of a test ended to a verdict and its reason in one line."""

from __future__ import annotations

import pytest

from conformance.catalog.model import Kind, Requirement
from conformance.evidence.redaction import REDACTOR
from conformance.verdicts import Blocked, Lifted, NotApplicable, Verdict, meant

LONGEST = 400


def judge(when: str, error: BaseException | None) -> tuple[Verdict | None, str]:
    """The verdict of a phase that ended with ``error``; None for one that simply went through."""
    match error:
        case None:
            return None, ""
        case NotApplicable():
            return Verdict.NOT_APPLICABLE, one_line(error)
        case pytest.skip.Exception():
            return Verdict.EXCLUDED, f"skipped by the test: {one_line(error)}"
        case Blocked():
            return Verdict.BLOCKED, one_line(error)
        case Lifted() if when == "call":
            return Verdict.LIFTED, one_line(error)
    if when == "setup":
        return Verdict.BLOCKED, f"set-up broke: {one_line(error)}"
    if when == "teardown":
        return Verdict.BLOCKED, f"clean-up broke: {one_line(error)}"
    return Verdict.FAILED, one_line(error)


def for_requirement(requirement: Requirement, verdict: Verdict, reason: str) -> tuple[Verdict, str]:
    """What a test's verdict means for one of the requirements that it verifies."""
    found = meant(verdict, requirement.kind is Kind.LIMITATION)
    if found is not verdict and verdict is Verdict.LIFTED:
        return found, f"the test raised Lifted, but {requirement.id} is not a limitation: {reason}"
    return found, reason


def one_line(error: BaseException) -> str:
    """What an exception says, with the first cause beneath it, in one line and without secrets."""
    text = _says(error)
    root = _first_cause(error)
    if root is not error and _says(root) not in text:
        text = f"{text}; first cause: {_says(root)}"
    text = REDACTOR.text(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _says(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    if isinstance(error, AssertionError):
        # The first line is the message or the comparison; a second one tells where its value came from.
        joint = " " if lines and lines[0].endswith(":") else "; "
        return joint.join(lines[:2]) if lines else "an assertion failed without a message"
    name = type(error).__name__
    plain = isinstance(error, Blocked | Lifted | NotApplicable | pytest.skip.Exception | pytest.fail.Exception)
    if not lines:
        return name
    return lines[0] if plain else f"{name}: {lines[0]}"


def _first_cause(error: BaseException) -> BaseException:
    seen = {id(error)}
    while True:
        beneath = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if beneath is None or id(beneath) in seen:
            return error
        seen.add(id(beneath))
        error = beneath
