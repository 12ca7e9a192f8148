"""A small catalogue and a run on it with every verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.catalog.index import Index, SuiteTest
from conformance.catalog.loader import load
from conformance.catalog.model import Catalog
from conformance.evidence.folder import Figure
from conformance.features.model import Feature, FeatureSet
from conformance.results.records import TestRecord
from conformance.results.run import Ending, Environment, Plan, Run
from conformance.verdicts import Verdict

HERE = Path(__file__).parent
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
        started=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
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
                "good", Verdict.PASSED, figures=(Figure("longest silence", 0.065, "s"), Figure("VM boot", 1, "boots"))
            ),
            _record("bad", Verdict.FAILED, "vm-a (10.0.0.3, worker-1) -> vm-b (10.0.0.4:80): <no answer> token=abcdef"),
            _record("broken", Verdict.BLOCKED, "set-up broke: TimedOut: the VM did not come up"),
            _record("absent", Verdict.NOT_APPLICABLE, "passt: no binding"),
            _record("limit-there", Verdict.PASSED),
            _record("limit-gone", Verdict.LIFTED, "it works now"),
        ),
        unfinished=(),
        ending=Ending(1),
        rerun=("udn-conformance", "run", "--lab"),
    )


def _record(name: str, verdict: Verdict, reason: str = "", figures: tuple[Figure, ...] = ()) -> TestRecord:
    evidence = (f"evidence/{name}/log.txt",)
    return TestRecord(f"test_all.py::test_{name}", (f"sample/{name}",), verdict, reason, 1.25, figures, evidence)
