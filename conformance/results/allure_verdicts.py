"""Gives Allure's results the run's verdicts: a status, and a first line that the categories can match.

allure-pytest takes a test's status from the type of its exception: a wait that ran out would be *broken*, as a set-up
is, and a worker that died would leave no result at all.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from hashlib import md5
from typing import Any

import allure_commons
from allure_commons.model2 import Label, Parameter, Status, StatusDetails

from conformance.verdicts import Verdict

UNFINISHED = "the run ended before this test did"
_STATUSES = {
    Verdict.PASSED: Status.PASSED,
    Verdict.CONFIRMED: Status.PASSED,
    Verdict.FAILED: Status.FAILED,
    Verdict.LIFTED: Status.FAILED,
    Verdict.BLOCKED: Status.BROKEN,
    Verdict.NOT_APPLICABLE: Status.SKIPPED,
    Verdict.EXCLUDED: Status.SKIPPED,
}
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class AllureVerdicts:
    """Stands around the writing of Allure's results, in the process that runs the tests."""

    def __init__(self) -> None:
        self._nodeid = ""
        self._judged: tuple[Verdict, str] | None = None
        self._parameters: dict[str, str] = {}

    def begin(self, nodeid: str) -> None:
        """Take the results that follow for those of this test."""
        self._nodeid, self._judged, self._parameters = nodeid, None, {}

    def describe(self, parameters: Mapping[str, str]) -> None:
        """Say on what the test runs: shown with its parameters, and no part of what it is."""
        self._parameters |= parameters

    def judge(self, verdict: Verdict, reason: str) -> None:
        """Say what the run makes of the test, once it has ended."""
        self._judged = verdict, reason

    @allure_commons.hookimpl(wrapper=True)
    def report_result(self, result: Any) -> Generator[None, None, None]:
        """A test's result; one that nobody judged was cut off."""
        verdict, reason = self._judged or (Verdict.BLOCKED, UNFINISHED)
        # A lifted limitation is skipped where the user wants it reported only.
        tolerated = verdict is Verdict.LIFTED and result.status == Status.SKIPPED
        result.status = Status.SKIPPED if tolerated else _STATUSES[verdict]
        result.statusDetails = _details(result.statusDetails, verdict, reason)
        result.labels.append(Label("verdict", verdict.value))
        if self._nodeid:
            result.historyId = history_id(self._nodeid)
        for parameter in result.parameters:
            parameter.value = _ADDRESS.sub("", str(parameter.value))
        result.parameters += [Parameter(name, value, excluded=True) for name, value in self._parameters.items()]
        yield


def status_of(verdict: Verdict) -> str:
    """Allure's word for a verdict."""
    return str(_STATUSES[verdict])


def message(verdict: Verdict, reason: str) -> str:
    """The line that categories match."""
    return f"{verdict.value}: {reason}"


def history_id(nodeid: str) -> str:
    """What ties the results of a test together over many runs: its name in pytest, and nothing of the run.

    allure-pytest's own is made from the parameters' values as well, and those of functions hold their addresses.
    """
    return md5(nodeid.encode("utf-8"), usedforsecurity=False).hexdigest()


def _details(details: Any, verdict: Verdict, reason: str) -> Any:
    """The verdict's line above the traceback, which has the whole message; nothing for a test that simply passed."""
    if not reason and details is None:
        return None
    return StatusDetails(message=message(verdict, reason), trace=details.trace if details else None)
