"""The pytest plugin: ``-p conformance.plugin``. Thin: it puts the parts of a run in their places.

``run_context(config)`` gives fixtures the run that they belong to.
"""

from __future__ import annotations

import shutil
import tempfile

import allure_commons
import pytest

from conformance import options
from conformance.catalog.index import Index, scan
from conformance.catalog.loader import CatalogError, catalog
from conformance.catalog.verifies import MARKER
from conformance.context import RunContext, Shared, build, keep_results_apart, out_folder
from conformance.controller import WORKER_KEY, Controller
from conformance.evidence.allure import AllureRedaction
from conformance.evidence.redaction import REDACTOR, kubeconfig_secrets
from conformance.interrupts import Interrupts
from conformance.options import OPTIONS, UsageProblem
from conformance.progress import ADDRESS, Telling
from conformance.testside import RUN, TestSide

__all__ = ["RunContext", "run_context"]

_SHOWN_PROBLEMS = 10
_LEAST_ROOM = 2**20  # bytes: about what a run that finds nothing amiss writes
_INDEX = pytest.StashKey[Index]()


def run_context(config: pytest.Config) -> RunContext:
    """The run that this process takes part in; known from the start of the session on."""
    return config.stash[RUN]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the options of a run."""
    group = parser.getgroup("udn-conformance", "conformance of VMs on user-defined networks")
    for option in OPTIONS:
        group.addoption(option.flag, dest=option.name, help=option.help, **option.settings)


# Before any plugin is configured: JUnit's and Allure's take over then where their results go.
@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Check what was asked for; raises pytest.UsageError."""
    try:
        if hasattr(config, "workerinput"):
            _join(config)
            return
        options.check(config.option)
        _check_paths(config)
        config.stash[_INDEX] = _index(config)
    except (UsageProblem, CatalogError) as problem:
        raise pytest.UsageError(str(problem)) from problem
    if not _only_shows(config):
        keep_results_apart(config.option, config.invocation_params.dir)
        _clear(config)


# After the terminal's reporter is there, and before xdist's session: events reach the three in this order.
@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the parts of a run."""
    config.addinivalue_line("markers", f"{MARKER}(*ids): the requirements that a test verifies")
    if _only_shows(config):
        return
    _redact_allure(config)
    index = config.stash.get(_INDEX, None)
    if index is not None:
        interrupts = Interrupts()
        config.pluginmanager.register(Controller(config, index, interrupts), "udn-conformance-controller")
        interrupts.take()
        config.add_cleanup(interrupts.give_back)
    config.pluginmanager.register(Telling(config), "udn-conformance-telling")
    selection, report = options.selection(config.option), config.option.udn_limitations == "report"
    config.pluginmanager.register(
        TestSide(config, selection, report, strict=index is not None), "udn-conformance-tests"
    )


def _index(config: pytest.Config) -> Index:
    """The tests of the suites; raises UsageProblem for marks that are wrong in what is to be run."""
    index = scan(config.rootpath, catalog())
    asked = [(config.invocation_params.dir / str(arg).partition("::")[0]).resolve() for arg in config.args]
    wrong = [
        str(problem)
        for problem in index.problems
        if any(problem.file.resolve().is_relative_to(folder) for folder in asked)
    ]
    if wrong:
        more = [f"… and {len(wrong) - _SHOWN_PROBLEMS} more"] if len(wrong) > _SHOWN_PROBLEMS else []
        raise UsageProblem("\n".join([*wrong[:_SHOWN_PROBLEMS], *more]))
    return index


def _check_paths(config: pytest.Config) -> None:
    """Refuse tests that are not there before a cluster is touched; raises UsageProblem."""
    for argument in config.args:
        place = str(argument).partition("::")[0]
        if not config.option.pyargs and not (config.invocation_params.dir / place).exists():
            raise UsageProblem(f"{place}: there is no such file or folder of tests")


def _only_shows(config: pytest.Config) -> bool:
    """Whether nothing will be run: no cluster is needed then, and no results are written."""
    names = ("collectonly", "help", "version", "showfixtures", "show_fixtures_per_test", "markers", "setupplan")
    return any(getattr(config.option, name, False) for name in names)


def _join(config: pytest.Config) -> None:
    """Take part in a run as a worker."""
    shared = Shared.from_json(config.workerinput[WORKER_KEY])  # type: ignore[attr-defined]
    vars(config.option).update(shared.options)
    run = build(config.option, shared, config.invocation_params.dir)
    REDACTOR.register(shared.password, *kubeconfig_secrets(run.cluster.kubeconfig))
    config.stash[RUN] = run
    config.stash[ADDRESS] = shared.progress


def _redact_allure(config: pytest.Config) -> None:
    redaction = AllureRedaction()
    allure_commons.plugin_manager.register(redaction)
    config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(redaction))


def _clear(config: pytest.Config) -> None:
    """Take away an earlier run's evidence and results: nobody must read old ones as new."""
    out = out_folder(config.option, config.invocation_params.dir)
    for name in ("evidence", "allure-results", "allure-report"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("report.json", "report.html", "junit.xml", "allurerc.json"):
        try:
            (out / name).unlink(missing_ok=True)
        except OSError as error:
            raise pytest.UsageError(f"--out {out}: {name} cannot be replaced: {error.strerror}") from error
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out) as trial:
            trial.write(bytes(_LEAST_ROOM))
    except OSError as error:
        raise pytest.UsageError(f"--out {out}: nothing can be written there: {error.strerror}") from error
