"""A small catalogue and a run on it with every verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.catalog.index import Index, SuiteTest
from conformance.catalog.loader import load
from conformance.catalog.model import Catalog
from conformance.evidence.exhibits import End, MatrixExhibit, MigrationExhibit, StreamExhibit
from conformance.evidence.exhibits import Path as TriedPath
from conformance.evidence.folder import Figure
from conformance.features.model import Feature, FeatureSet
from conformance.results.records import TestRecord
from conformance.results.run import Ending, Environment, Plan, Run
from conformance.verdicts import Verdict

HERE = Path(__file__).parent
BEGAN = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMES = ("good", "bad", "broken", "absent", "left-out", "bare", "limit-there", "limit-gone")


@pytest.fixture
def catalog() -> Catalog:
    """One profile with eight requirements."""
    return load(HERE / "catalog")


@pytest.fixture
def run() -> Run:
    """A run that gave each of them another verdict."""
    tests = [SuiteTest("test_all.py", 1, f"test_{name}", (f"sample/{name}",)) for name in NAMES if name != "bare"]
    return Run(
        id="abc123",
        started=BEGAN,
        seconds=61.5,
        environment=Environment(
            "lab",
            "https://127.0.0.1:6443",
            None,
            FeatureSet(
                [Feature("kubevirt", True, "KubeVirt v1.6.0 is Available"), Feature("passt", False, "none <b>")]
            ),
            {"kubernetes": "v1.33.0"},
        ),
        plan=Plan(frozenset(test.nodeid for test in tests if test.name != "test_left-out"), "--profile other"),
        index=Index(Path("."), tests),
        records=(
            _record(
                "good",
                Verdict.PASSED,
                figures=(Figure("longest silence", 0.065, "s"), Figure("VM boot", 1, "boots")),
                exhibits=(_moved(), _held()),
            ),
            _record(
                "bad",
                Verdict.FAILED,
                "tcp vm-a (10.0.0.3, worker-1) -> vm-b (10.0.0.4:80, worker-2): <no answer> token=abcdef",
                exhibits=(_tried(),),
            ),
            _record("broken", Verdict.BLOCKED, "set-up broke: TimedOut: the VM did not come up"),
            _record("absent", Verdict.NOT_APPLICABLE, "passt: no binding"),
            _record("limit-there", Verdict.PASSED),
            _record("limit-gone", Verdict.LIFTED, "it works now"),
        ),
        unfinished=(),
        ending=Ending(1),
        rerun=("udn-conformance", "run", "--lab"),
    )


def _record(
    name: str,
    verdict: Verdict,
    reason: str = "",
    figures: tuple[Figure, ...] = (),
    exhibits: tuple[dict[str, Any], ...] = (),
) -> TestRecord:
    return TestRecord(
        f"test_all.py::test_{name}",
        (f"sample/{name}",),
        verdict,
        reason,
        1.25,
        figures,
        (f"evidence/{name}/log.txt",),
        exhibits=exhibits,
        started=BEGAN + timedelta(seconds=2 * NAMES.index(name)),
        worker=f"gw{NAMES.index(name) % 2}",
    )


def _moved() -> dict[str, Any]:
    phases = [("created", 0), ("Scheduling", 0), ("Running", 2), ("Succeeded", 4)]
    at = tuple((phase, BEGAN + timedelta(seconds=seconds)) for phase, seconds in phases)
    ended = BEGAN + timedelta(seconds=4.5)
    return MigrationExhibit("ns/vm-b", "worker-1", "worker-2", BEGAN, ended, at, "").to_plain()


def _held() -> dict[str, Any]:
    times = tuple(number / 20 for number in range(100) if not 60 <= number < 90)
    began = BEGAN - timedelta(seconds=0.5)
    route = "tcp ns/vm-a (10.0.0.3, worker-1) -> ns/vm-b (10.0.0.4:5201, worker-1)"
    return StreamExhibit(route, "ns/vm-a", began, 0.1, 5.0, times, ()).to_plain()


def _tried() -> dict[str, Any]:
    ends = [
        End(f"ns/vm-{name}", f"10.0.0.{number}", f"worker-{number % 2 + 1}") for number, name in enumerate("abc", 3)
    ]
    paths = [
        TriedPath(client, server, protocol, port, "blocked" if server is ends[2] else "reached", observed, "seen")
        for client in ends
        for server in ends
        for protocol, port in (("icmp", None), ("tcp", 80))
        if client is not server
        for observed in [_observed(client.name[-1], server.name[-1], protocol)]
    ]
    return MatrixExhibit("under <policy>", BEGAN, tuple(paths)).to_plain()


def _observed(client: str, server: str, protocol: str) -> str:
    wrong = {("a", "b", "tcp"): "blocked", ("a", "c", "icmp"): "arrived", ("b", "c", "tcp"): "reached"}
    return wrong.get((client, server, protocol), "blocked" if server == "c" else "reached")
