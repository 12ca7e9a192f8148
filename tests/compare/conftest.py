"""Reports of runs on the small catalogue, with the verdicts that a test asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance.catalog.index import Index, SuiteTest
from conformance.catalog.loader import load
from conformance.catalog.model import Catalog
from conformance.evidence.folder import Figure
from conformance.features.model import Feature, FeatureSet
from conformance.results import conformance_report
from conformance.results.records import TestRecord
from conformance.results.requirements import judge_all
from conformance.results.run import Ending, Environment, Plan, Run
from conformance.verdicts import ALARMING, Verdict

CATALOG = Path(__file__).parents[1] / "results" / "catalog"
BEHAVIOURS = ("good", "bad", "broken", "absent", "left-out", "bare")
LIMITATIONS = ("limit-there", "limit-gone")
REASONS = {
    Verdict.FAILED: "vm-a does not reach vm-b",
    Verdict.LIFTED: "it works now",
    Verdict.BLOCKED: "set-up broke: TimedOut",
    Verdict.NOT_APPLICABLE: "passt: no binding",
}
Document = dict[str, Any]
Reports = Callable[..., Path]


def document(
    verdicts: Mapping[str, Verdict],
    figures: Mapping[str, tuple[float, ...]] | None = None,
    kind: str = "cluster",
    versions: Mapping[str, str] | None = None,
    run_id: str = "abc123",
) -> Document:
    """What a run writes whose tests of these requirements gave these verdicts; all others passed."""
    given = {**dict.fromkeys(BEHAVIOURS, Verdict.PASSED), **dict.fromkeys(LIMITATIONS, Verdict.CONFIRMED), **verdicts}
    tests = [
        SuiteTest("test_all.py", 1, f"test_{name}", (f"sample/{name}",))
        for name, verdict in given.items()
        if verdict is not Verdict.NOT_COVERED
    ]
    ran = {name: each for name, each in given.items() if each not in (Verdict.NOT_COVERED, Verdict.EXCLUDED)}
    run = Run(
        id=run_id,
        started=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        seconds=61.5,
        environment=Environment(
            kind,
            "https://127.0.0.1:6443",
            None,
            FeatureSet([Feature("kubevirt", True, "Available"), Feature("passt", False, "none")]),
            versions or {"kubernetes": "v1.33.0"},
        ),
        plan=Plan(frozenset(f"test_all.py::test_{name}" for name in ran), "--profile other"),
        index=Index(Path("."), tests),
        records=tuple(_record(name, verdict, (figures or {}).get(name, ())) for name, verdict in ran.items()),
        unfinished=(),
        ending=Ending(1 if ALARMING & set(given.values()) else 0),
    )
    known = load(CATALOG)
    return conformance_report.build(known, run, judge_all(known, run))


def _record(name: str, verdict: Verdict, samples: tuple[float, ...]) -> TestRecord:
    seen = Verdict.PASSED if verdict is Verdict.CONFIRMED else verdict
    figures = tuple(Figure("longest silence", value, "s") for value in samples)
    return TestRecord(f"test_all.py::test_{name}", (f"sample/{name}",), seen, REASONS.get(verdict, ""), 1.0, figures)


@pytest.fixture
def known() -> Catalog:
    """The small catalogue."""
    return load(CATALOG)


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    """Writes the report of a run, as ``reports("a.json", {"good": Verdict.FAILED})``."""

    def write(name: str, verdicts: Mapping[str, Verdict] | None = None, **facts: Any) -> Path:
        file = tmp_path / name
        file.write_text(json.dumps(document(verdicts or {}, **facts)))
        return file

    return write
