"""What happens around each test, in the process that runs it: selection, applicability, evidence, verdict."""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import allure_commons
import pytest

from conformance.catalog.index import without_group
from conformance.catalog.loader import catalog
from conformance.catalog.model import Kind, Requirement
from conformance.catalog.verifies import MARKER
from conformance.context import RunContext
from conformance.evidence.allure import AllureSteps
from conformance.evidence.folder import TestFolder, slug
from conformance.evidence.on_failure import answer
from conformance.evidence.recorder import RECORDER, TEXT, attach
from conformance.evidence.redaction import REDACTOR
from conformance.evidence.snapshot import SNAPSHOTS, connect
from conformance.makers import MAKERS, of_fixture
from conformance.options import Selection
from conformance.results import allure_labels
from conformance.results.allure_verdicts import AllureVerdicts
from conformance.results.outcome import for_requirement, judge
from conformance.results.records import ALONE, Phase
from conformance.verdicts import ALARMING, Lifted, NotApplicable, Verdict

RUN = pytest.StashKey[RunContext]()
#: The attribute of a pytest report that carries a phase's plain data from the worker to the controller.
PHASE = "conformance"


@dataclass
class _Progress:
    """What the phases so far have already handed over."""

    folder: TestFolder
    began: float = field(default_factory=time.monotonic)
    figures: int = 0
    files: int = 0
    notes: int = 0
    exhibits: int = 0
    verdict: Verdict | None = None
    reason: str = ""


_PROGRESS = pytest.StashKey[_Progress]()


def requirements_of(item: pytest.Item) -> list[Requirement]:
    """The requirements that a test verifies, in the order of its marks; unknown ids are refused earlier."""
    ids = dict.fromkeys(str(id) for mark in item.iter_markers(MARKER) for id in mark.args)
    return [catalog()[id] for id in ids if id in catalog()]


@dataclass(eq=False)  # pytest keeps its plugins in sets
class TestSide:
    """pytest plugin of the process that runs tests: a worker, or the only process."""

    __test__ = False

    config: pytest.Config
    selection: Selection
    report_lifted: bool
    strict: bool

    def __post_init__(self) -> None:
        self._unsubscribe = RECORDER.subscribe(AllureSteps())
        self._allure = AllureVerdicts()
        allure_commons.plugin_manager.register(self._allure)

    def pytest_unconfigure(self) -> None:
        """Leave the recorder and Allure as they were."""
        allure_commons.plugin_manager.unregister(self._allure)
        self._unsubscribe()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse tests without requirements, label the rest, and leave out what was not asked for."""
        kept: list[pytest.Item] = []
        left: list[pytest.Item] = []
        for item in items:
            requirements = requirements_of(item)
            if not requirements and self.strict:
                file, line, name = item.location
                raise pytest.UsageError(f"{file}:{(line or 0) + 1}: {name} verifies no requirement; mark it @verifies")
            allure_labels.mark(item, requirements, catalog())
            item.user_properties += [("requirement", requirement.id) for requirement in requirements]
            (kept if any(self.selection.takes(each.id) for each in requirements) else left).append(item)
        if left:
            items[:] = kept
            self.config.hook.pytest_deselected(items=left)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Have snapshots ask the user's commands, too."""
        for name, command in self._run.on_failure.items():
            SNAPSHOTS.add_source(name, partial(answer, command))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Give the test a folder for its evidence."""
        folder = TestFolder(self._run.out / "evidence" / slug(without_group(item.nodeid)))
        item.stash[_PROGRESS] = _Progress(folder)
        self._allure.begin(without_group(item.nodeid))
        unsubscribe = RECORDER.subscribe(folder)
        try:
            with MAKERS.at_work(item.nodeid):
                return (yield)
        finally:
            unsubscribe()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """What a fixture makes is its own: it tells which scenarios a test uses, and how long they live."""
        with MAKERS.at_work(of_fixture(fixturedef)):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Leave out what this cluster has no features for."""
        needs = dict.fromkeys(name for requirement in requirements_of(item) for name in requirement.needs)
        missing = self._run.features.missing(needs)
        if missing is not None:
            raise NotApplicable(missing.name, missing.evidence)

    # Innermost of the wrappers: Allure's and JUnit's see what is made of the report here.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge the phase, keep its evidence, and put both into the report."""
        error = call.excinfo.value if call.excinfo else None
        requirements = requirements_of(item)
        verdict, reason = judge(call.when, error)
        if verdict is Verdict.LIFTED:
            verdict, reason = _lifted(requirements, reason)
        as_skip = isinstance(error, NotApplicable) or (verdict is Verdict.LIFTED and self.report_lifted)
        if as_skip:
            said = f"lifted: {reason}" if isinstance(error, Lifted) else reason
            call.excinfo = pytest.CallInfo.from_call(lambda: pytest.skip(said), call.when).excinfo
        report = yield
        if as_skip:
            file, line, _ = item.location
            report.longrepr = (file, (line or 0) + 1, f"Skipped: {said}")
        if verdict is None and call.when == "call" and _all_limitations(requirements):
            verdict = Verdict.CONFIRMED
        progress = item.stash[_PROGRESS]
        if verdict in ALARMING and not as_skip:
            self._snapshot(item, report, first=progress.verdict not in ALARMING)
        if verdict is not None and progress.verdict not in ALARMING:
            progress.verdict, progress.reason = verdict, reason
        _redact(report)
        if call.when == "call" or error is not None:
            self._allure.describe(_scenario(item))
        if report.when == "teardown":
            # JUnit writes the properties of the last phase.
            report.user_properties += [("verdict", (progress.verdict or Verdict.PASSED).value)]
            report.user_properties += [("reason", progress.reason)] if progress.reason else []
            self._allure.judge(progress.verdict or Verdict.PASSED, progress.reason)
        setattr(report, PHASE, self._phase(progress, requirements, verdict, reason, call.start).to_plain())
        return report

    @property
    def _run(self) -> RunContext:
        return self.config.stash[RUN]

    @property
    def _worker(self) -> str:
        told: dict[str, str] = getattr(self.config, "workerinput", {})
        return told.get("workerid", ALONE)

    def _snapshot(self, item: pytest.Item, report: pytest.TestReport, first: bool) -> None:
        attach(f"traceback of {report.when}", report.longreprtext, TEXT)
        if first:
            cluster, progress = self._run.cluster, item.stash[_PROGRESS]
            namespaces = SNAPSHOTS.namespaces_of(_makers_of(item))
            span = time.monotonic() - progress.began
            SNAPSHOTS.take(connect(cluster.kubeconfig, cluster.context), namespaces, span)

    def _phase(
        self, progress: _Progress, requirements: list[Requirement], verdict: Verdict | None, reason: str, start: float
    ) -> Phase:
        folder = progress.folder
        phase = Phase(
            requirements=tuple(requirement.id for requirement in requirements),
            verdict=verdict,
            reason=reason,
            figures=tuple(folder.figures[progress.figures :]),
            evidence=_relative(folder.files[progress.files :], self._run.out),
            notes=tuple(folder.notes[progress.notes :]),
            exhibits=tuple(folder.exhibits[progress.exhibits :]),
            started=datetime.fromtimestamp(start, UTC),
            worker=self._worker,
        )
        progress.figures, progress.files = len(folder.figures), len(folder.files)
        progress.notes, progress.exhibits = len(folder.notes), len(folder.exhibits)
        return phase


def _scenario(item: pytest.Item) -> dict[str, str]:
    """What a test runs on: the fixtures that made its namespaces, their topology, and where their VMs are now."""
    facts = SNAPSHOTS.facts_of(SNAPSHOTS.namespaces_of(_makers_of(item)))
    described = {what: ", ".join(values) for what, values in facts.items()}
    used = [name for name, place in _fixtures_of(item) if SNAPSHOTS.namespaces_of([(name, place)])]
    scenario = ", ".join(dict.fromkeys(used))
    return ({"scenario": scenario} if scenario else {}) | described


def _makers_of(item: pytest.Item) -> list[Hashable]:
    """The test itself, and the fixtures that it may use."""
    return [item.nodeid, *_fixtures_of(item)]


def _fixtures_of(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """Names and places of the fixtures that a test may use; those of a place serve the tests below it."""
    parts = item.nodeid.partition("::")[0].split("/")
    places = ["", *("/".join(parts[: end + 1]) for end in range(len(parts)))]
    yield from ((name, place) for name in getattr(item, "fixturenames", ()) for place in places)


def _all_limitations(requirements: list[Requirement]) -> bool:
    return bool(requirements) and all(each.kind is Kind.LIMITATION for each in requirements)


def _lifted(requirements: list[Requirement], reason: str) -> tuple[Verdict, str]:
    """Lifted, unless the test verifies something that is no limitation."""
    for requirement in requirements:
        verdict, explained = for_requirement(requirement, Verdict.LIFTED, reason)
        if verdict is not Verdict.LIFTED:
            return verdict, explained
    return Verdict.LIFTED, reason


def _relative(files: Iterable[Path], out: Path) -> tuple[str, ...]:
    return tuple(file.relative_to(out).as_posix() for file in files)


def _redact(report: pytest.TestReport) -> None:
    """Take secrets out of what pytest itself will print and write."""
    text = report.longreprtext
    if REDACTOR.text(text) != text:
        report.longrepr = REDACTOR.text(text)
    report.sections = [(name, REDACTOR.text(content)) for name, content in report.sections]
