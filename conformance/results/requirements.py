"""From the records of tests to the verdicts on requirements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.catalog.index import SuiteTest, without_parameters
from conformance.catalog.model import Catalog, Level, Requirement
from conformance.results.outcome import for_requirement
from conformance.results.records import TestRecord
from conformance.results.run import Run
from conformance.verdicts import Verdict, overall, worst

INTERRUPTED = "the run was interrupted before this test ended"


@dataclass(frozen=True)
class Judged:
    """A requirement with what the run found out about it."""

    requirement: Requirement
    verdict: Verdict
    reason: str
    records: tuple[TestRecord, ...] = ()
    tests: tuple[SuiteTest, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds that its tests took."""
        return sum(record.duration for record in self.records)


def judge_all(catalog: Catalog, run: Run) -> list[Judged]:
    """Every requirement of the catalogue, in its order."""
    return [_judge(requirement, run) for requirement in catalog]


def _judge(requirement: Requirement, run: Run) -> Judged:
    tests = tuple(run.index.of(requirement.id))
    records = tuple(record for record in run.records if requirement.id in record.requirements)
    if not tests and not records:
        return Judged(requirement, Verdict.NOT_COVERED, "no test verifies it yet")
    found = [for_requirement(requirement, record.verdict, record.reason) for record in records]
    found += _not_run(requirement.id, tests, run, alone=not found)
    verdict = worst(verdict for verdict, _ in found)
    reason = next((reason for each, reason in found if each is verdict and reason), "")
    return Judged(requirement, verdict, reason, records, tests)


def _not_run(id: str, tests: Iterable[SuiteTest], run: Run, alone: bool) -> list[tuple[Verdict, str]]:
    """Tests without a record. What the user left out counts only where nothing else of the requirement ran."""
    ran = {without_parameters(record.nodeid) for record in run.records}
    planned = {without_parameters(nodeid) for nodeid in run.plan.planned}
    found = []
    for test in tests:
        if test.nodeid in ran:
            continue
        verdict, reason = _why_not(id, test, planned, run)
        if alone or verdict is not Verdict.EXCLUDED:
            found.append((verdict, reason))
    return found


def _why_not(id: str, test: SuiteTest, planned: set[str], run: Run) -> tuple[Verdict, str]:
    """Why a test did not run."""
    plan, ending = run.plan, run.ending
    wanted = plan.selection.takes(id) and (test.nodeid in planned or not planned)
    if wanted and ending.preflight:
        return Verdict.BLOCKED, f"preflight failed: {ending.preflight}"
    if plan.selection.takes(id) and test.path in plan.broken_files:
        return Verdict.BLOCKED, f"{test.path} cannot be collected: {plan.broken_files[test.path]}"
    if wanted and ending.interrupted:
        return Verdict.BLOCKED, INTERRUPTED
    if test.nodeid in planned and plan.stops_early:
        return Verdict.EXCLUDED, "the run stopped at an earlier failure, as asked for (-x)"
    if test.nodeid in planned:
        return Verdict.BLOCKED, "the run ended before this test"
    return Verdict.EXCLUDED, f"left out by {plan.left_out_by or 'the selection'}"


def statistics(judged: Iterable[Judged]) -> dict[Verdict, int]:
    """How many requirements have which verdict; every verdict is there."""
    counts = dict.fromkeys(Verdict, 0)
    for each in judged:
        counts[each.verdict] += 1
    return counts


def result(judged: Iterable[Judged]) -> str:
    """One word for several requirements, as :func:`conformance.verdicts.overall` has it."""
    return overall(each.verdict for each in judged)


def of_level(judged: Iterable[Judged], level: Level) -> list[Judged]:
    """Those of one level."""
    return [each for each in judged if each.requirement.level is level]
