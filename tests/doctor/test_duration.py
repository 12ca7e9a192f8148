"""The rough duration of a run, and the counts that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conformance.catalog.index import scan
from conformance.catalog.loader import catalog
from conformance.doctor import duration
from conformance.doctor.duration import estimate, recorded

SUITES = Path(__file__).parents[2] / "suites"


@pytest.fixture
def counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two recorded tests: one boots twice and moves once, one does neither."""
    file = tmp_path / "work.yaml"
    tests = {"test_a.py::test_busy": [2, 1], "test_a.py::test_idle": [0, 0]}
    file.write_text(yaml.safe_dump({"assumed": {"boot": 40, "migration": 15, "test": 5}, "tests": tests}))
    monkeypatch.setattr(duration, "FILE", file)
    duration._data.cache_clear()
    yield
    duration._data.cache_clear()


@pytest.mark.usefixtures("counts")
def test_what_was_recorded_is_added_up() -> None:
    found = estimate(["test_a.py::test_busy", "test_a.py::test_idle", "test_a.py::test_busy"])
    assert (found.tests, found.boots, found.migrations, found.seconds) == (2, 2, 1, 2 * 5 + 2 * 40 + 15)
    assert str(found).startswith("about 2 min with one worker: 2 tests of 5 s, 2 VM boots of 40 s, 1 live migrations")


@pytest.mark.usefixtures("counts")
def test_what_was_not_recorded_counts_as_the_mean() -> None:
    found = estimate(["test_a.py::test_new", "test_a.py::test_newer"])
    assert (found.boots, found.migrations) == (2, 1)
    assert estimate([]).seconds == 0
    assert str(estimate([])).startswith("less than a minute with one worker: 0 tests")


def test_what_is_recorded_is_there_and_most_of_what_is_there_is_recorded() -> None:
    there = {test.nodeid for test in scan(SUITES, catalog()).tests}
    assert recorded() - there == set(), "gone or renamed: python -m tests.bench.record_work OUT"
    assert len(recorded()) > len(there) / 2
