"""The run as a whole, in the one process that leads it: cluster, preflight, the stream of records, the results."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import pytest

from conformance import options
from conformance.asked import left_out_by, rerun
from conformance.catalog.index import Index, without_group
from conformance.catalog.loader import catalog
from conformance.cleaning import sweep
from conformance.context import Shared, build, new_password, new_run_id, out_folder
from conformance.distribution import take_late_reports, worker_of
from conformance.doctor import Diagnosis, diagnose
from conformance.doctor.lines import lines
from conformance.evidence.redaction import REDACTOR
from conformance.features.model import FeatureSet
from conformance.interrupts import Interrupts
from conformance.preflight import PreflightFailed, enter_as_asked
from conformance.progress import ADDRESS, Progress
from conformance.provider import Lab, ProviderFailed, adopt
from conformance.results import ci, junit, terminal
from conformance.results.records import Phase, Stream
from conformance.results.requirements import INTERRUPTED, Judged, judge_all
from conformance.results.run import Ending, Environment, Plan, Run, environment_kind
from conformance.results.writers import write_all
from conformance.testside import PHASE, RUN
from conformance.upgrade.rehearsal import forget_rehearsal, rehearse
from conformance.verdicts import CONCLUSIVE, Verdict

PREFLIGHT_FAILED = 10
WORKER_KEY = "udn_conformance"


class Controller:
    """pytest plugin of the leading process."""

    def __init__(self, config: pytest.Config, index: Index, interrupts: Interrupts) -> None:
        self._config = config
        self._interrupts = interrupts
        self._reporter: Any = None
        self._values: argparse.Namespace = config.option
        self._index = index
        self._given_kubeconfig = config.option.udn_kubeconfig
        self._base = config.invocation_params.dir
        self._began = time.monotonic()
        self._started = datetime.now(UTC)
        self._stream = Stream()
        self._cases = junit.OpenCases()
        self._planned: set[str] = set()
        self._broken: dict[str, str] = {}
        self._lab: Lab | None = None
        self._runs_on: Lab | None = None
        self._remarks: tuple[str, ...] = ()
        self._found: Diagnosis | None = None
        self._finished: tuple[Run, list[Judged], list[str]] | None = None
        self._shared = Shared(self._values.udn_run_id or new_run_id(), "cluster", new_password())
        REDACTOR.register(self._shared.password)

    # -- before the tests ---------------------------------------------------------------------------------------

    # Last of all but xdist, which is registered later and starts its workers after this.
    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Bring up the lab if it is meant, and look at the cluster."""
        try:
            self._provide()
            self._examine()
            self._show_progress()
        except options.UsageProblem as problem:
            raise pytest.UsageError(str(problem)) from problem
        except (PreflightFailed, ProviderFailed) as problem:
            self._give_up(session, REDACTOR.text(str(problem)))
        except KeyboardInterrupt:
            self._interrupts.hold_off()
            self._finish(int(pytest.ExitCode.INTERRUPTED), interrupted=True)
            raise

    def _provide(self) -> None:
        if self._values.udn_kubeconfig is not None:
            return
        if not self._values.udn_lab:
            self._say("no --kubeconfig is given, so this run is on the lab (--lab)")
        lab = Lab(self._values.udn_lab_name)
        if lab.running():
            self._say("the lab is up already, and stays up after the run")
        else:
            # Kept before it is up: what was begun is taken down, also when Ctrl-C comes in between.
            self._lab = lab
            if self._values.udn_install_missing:
                lab.install_missing()
        self._runs_on = lab
        provided = lab.up(tell=lambda line: self._say(f"  {line}"))
        adopt(self._values, provided)
        self._remarks = provided.remarks
        self._shared = replace(self._shared, environment=provided.environment)
        if self._values.udn_rehearse_upgrade:
            rehearse(self._values, lab, self._base, self._say)

    def _examine(self) -> None:
        values, shared = self._values, self._shared
        sight = enter_as_asked(values, self._base)
        asked, said = options.selection(values), options.overrides(values)
        self._found = diagnose(sight, catalog(), self._index, asked, said)
        self._shared = replace(shared, features=self._found.features)
        self._config.stash[RUN] = build(values, self._shared, self._base)
        self._say(f"run {shared.run_id} on {shared.environment} {self._found.server}")
        if values.verbose >= 0:
            for line in lines(self._found):
                self._say(line)
        if values.udn_strict_features and (problem := self._found.not_strictly_fit):
            raise PreflightFailed(problem)

    def _show_progress(self) -> None:
        progress = Progress.of(self._config, self._terminal())
        if progress is not None:
            self._config.pluginmanager.register(progress, "udn-conformance-progress")
            self._config.stash[ADDRESS] = progress.address
            self._shared = replace(self._shared, progress=progress.address)

    def _give_up(self, session: pytest.Session, problem: str) -> None:
        """End with the results of a run that could not begin, JUnit's included."""
        session.exitstatus = PREFLIGHT_FAILED
        text = f"preflight failed: {problem}"
        for report in junit.blocked("preflight", ("preflight", None, "preflight"), (), text):
            self._config.hook.pytest_runtest_logreport(report=report)
        self._finish(PREFLIGHT_FAILED, preflight=problem)
        self._config.hook.pytest_sessionfinish(session=session, exitstatus=PREFLIGHT_FAILED)
        for line in self._finished[2] if self._finished else ():
            self._say(line)
        # Told once: by pytest.exit, not by the terminal's plugin as well.
        self._config.pluginmanager.unregister(name="terminalreporter")
        pytest.exit(text, returncode=PREFLIGHT_FAILED)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist what this process decided."""
        names = (*(option.name for option in options.OPTIONS), "allure_report_dir")
        values = {name: getattr(self._values, name) for name in names}
        node.workerinput[WORKER_KEY] = replace(self._shared, options=values).to_json()

    # -- while they run -----------------------------------------------------------------------------------------

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know what is to be run, without xdist."""
        self._planned |= {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Know what is to be run, with xdist."""
        self._planned |= {without_group(str(id)) for id in ids}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why a file of tests cannot be collected."""
        if report.failed:
            lines = [line.strip() for line in report.longreprtext.splitlines() if line.strip()]
            errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
            self._broken[report.nodeid] = REDACTOR.text((errors or lines or ["unknown"])[-1])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_teststatus(self) -> Generator[None, tuple[str, object, object], tuple[str, object, object]]:
        """Keep pytest's counts, and leave the line of each test to this plugin."""
        category, _, _ = yield
        return category, "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take one phase of a test, from this process or a worker."""
        nodeid = without_group(str(report.nodeid))
        plain = getattr(report, PHASE, None)
        self._cases.take(report)
        if plain is not None:
            phase, last = Phase.from_plain(plain), report.when == "teardown"
        elif str(report.when) == "???":  # xdist's report of a worker that died
            reason = REDACTOR.text(" ".join(str(report.longrepr).split()))
            phase, last = Phase(self._index.ids_of(nodeid), Verdict.BLOCKED, reason, worker=worker_of(report)), True
        else:
            return
        record = self._stream.add(nodeid, phase, report.duration, last)
        reporter = self._terminal()
        if record is not None and reporter is not None:
            terminal.progress(reporter, record, len(self._stream.records), max(len(self._planned), 1))

    # -- after them ---------------------------------------------------------------------------------------------

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell that the end takes its time, and see to it that it gets it."""
        self._interrupts.hold_off()
        if isinstance(excinfo.value, KeyboardInterrupt):
            self._say("\ninterrupted: results are written and what the run made is removed; this is not cut short")

    # The innermost of the wrappers: before all that write results, and able to catch what they raise.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Decide the exit status, and write the results."""
        self._interrupts.hold_off()
        if self._finished is None:
            self._end(session, exitstatus)
        try:
            yield
        except OSError as error:
            # pytest's JUnit does not expect a full disk. Results that are not there must not look like success.
            session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
            self._say(f"results are incomplete: {error.filename or self._values.xmlpath}: {error.strerror}")

    def _end(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.INTERRUPTED:
            take_late_reports(self._config)
            self._cases.cut_off(self._config, self._planned, self._index.ids_of, INTERRUPTED)
        if exitstatus == pytest.ExitCode.OK and not any(r.verdict in CONCLUSIVE for r in self._stream.records):
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        self._finish(int(session.exitstatus), interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)

    def _finish(self, exit_status: int, interrupted: bool = False, preflight: str | None = None) -> None:
        run = Run(
            id=self._shared.run_id,
            started=self._started,
            seconds=time.monotonic() - self._began,
            environment=self._environment(),
            plan=self._plan(),
            index=self._index,
            records=tuple(self._stream.records),
            unfinished=tuple(self._stream.unfinished()),
            ending=Ending(exit_status, interrupted, preflight),
            rerun=rerun(self._values, self._shared.environment, self._given_kubeconfig),
        )
        judged = judge_all(catalog(), run)
        allure = getattr(self._values, "allure_report_dir", None)
        folder = (self._base / allure) if allure else None
        lines = write_all(catalog(), run, judged, out_folder(self._values, self._base), folder)
        lines += ci.tell(os.environ, catalog(), run, judged)
        self._finished = (run, judged, lines)

    def pytest_terminal_summary(self) -> None:
        """Print the table and what needs a look."""
        reporter = self._terminal()
        if self._finished is not None and reporter is not None:
            run, judged, lines = self._finished
            terminal.summary(reporter, catalog(), run, judged, lines)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind: take down the lab of this run, or sweep the cluster."""
        self._interrupts.hold_off()
        if self._runs_on is not None and (trouble := self._runs_on.trouble()):
            self._say(trouble)
        lab, self._lab = self._lab, None
        if lab is not None:
            problem = lab.down()
            if problem:
                self._say(problem)
        elif self._found is not None and not self._values.udn_keep:
            for line in forget_rehearsal(self._values) if self._values.udn_rehearse_upgrade else ():
                self._say(line)
            for line in sweep(self._config.stash[RUN]):
                self._say(line)

    # -- facts --------------------------------------------------------------------------------------------------

    def _environment(self) -> Environment:
        found, values = self._found, self._values
        versions = {"udn-conformance": metadata.version("udn-conformance"), "pytest": pytest.__version__}
        kind = self._shared.environment if values.udn_kubeconfig else "lab"
        if found is None:
            return Environment(kind, None, values.udn_context, FeatureSet(), versions, self._remarks)
        versions |= found.versions
        kind = environment_kind(kind, versions)
        features = self._shared.features
        return Environment(kind, found.server, values.udn_context, features, versions, self._remarks)

    def _plan(self) -> Plan:
        return Plan(
            planned=frozenset(self._planned),
            left_out_by=left_out_by(self._config),
            broken_files=dict(self._broken),
            stops_early=bool(self._values.maxfail),
            selection=options.selection(self._values),
        )

    def _terminal(self) -> Any:
        self._reporter = self._reporter or self._config.pluginmanager.getplugin("terminalreporter")
        return self._reporter

    def _say(self, line: str) -> None:
        reporter = self._terminal()
        if reporter is not None:
            reporter.write_line(REDACTOR.text(line))
