"""A snapshot has what could be had, notes what could not, and never outlasts its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.evidence.folder import TestFolder
from conformance.evidence.recorder import RECORDER
from conformance.evidence.snapshot import ALTOGETHER, LARGEST, Snapshots
from conformance.makers import MAKERS


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[TestFolder]:
    """The folder of a test that is recorded now."""
    folder = TestFolder(tmp_path / "evidence")
    unsubscribe = RECORDER.subscribe(folder)
    yield folder
    unsubscribe()


def test_sources_that_fail_or_hang_become_notes(folder: TestFolder) -> None:
    hang = threading.Event()
    snapshots = Snapshots()
    snapshots.add_source("console good", lambda: "login: \npassword=hunter22")
    snapshots.add_source("console broken", lambda: str(1 // 0))
    snapshots.add_source("console hanging", lambda: str(hang.wait()))
    snapshots.add_source("console large", lambda: "x" * (2 * LARGEST))
    snapshots.take(None, (), 0.0, seconds=1.0)
    hang.set()
    texts = {file.name: file.read_text() for file in folder.files}
    assert texts["01-console-good.txt"] == "login: \npassword=[redacted]"
    assert "characters left out" in texts["02-console-large.txt"]
    assert len(texts["02-console-large.txt"]) < LARGEST + 100
    assert sorted(note.split(":")[1].strip() for note in folder.notes) == ["console broken", "console hanging"]


def test_nothing_to_see_leaves_nothing(folder: TestFolder) -> None:
    snapshots = Snapshots()
    snapshots.add_source("console", lambda: "text")
    snapshots.drop_source("console")
    snapshots.add_namespace("a")
    snapshots.drop_namespace("a")
    snapshots.take(None, (), 0.0)
    assert not folder.folder.exists()


def test_a_test_sees_the_namespaces_of_its_own_fixtures() -> None:
    snapshots = Snapshots()
    with MAKERS.at_work("pair"):
        snapshots.add_namespace("a")
        with MAKERS.at_work("inner"):
            snapshots.add_namespace("b")
    snapshots.add_namespace("nobody's")
    assert snapshots.namespaces_of(["pair"]) == ["a", "b"]
    assert snapshots.namespaces_of(["inner", "other"]) == ["b"]
    snapshots.drop_namespace("b")
    assert snapshots.namespaces_of(["pair", "inner"]) == ["a"]


def test_facts_are_those_of_the_namespaces_that_are_asked_for() -> None:
    snapshots = Snapshots()
    for name in ("a", "b"):
        snapshots.add_namespace(name)
        snapshots.describe(name, "topology", "Layer2")
    snapshots.describe("a", "node of vm-a", "worker-1")
    snapshots.describe("a", "node of vm-a", "worker-2")
    assert snapshots.facts_of(["a", "b"]) == {"topology": ["Layer2"], "node of vm-a": ["worker-2"]}
    assert snapshots.facts_of(["b"]) == {"topology": ["Layer2"]}
    snapshots.drop_namespace("a")
    assert snapshots.facts_of(["a"]) == {}


def test_texts_of_other_namespaces_are_left_out(folder: TestFolder) -> None:
    snapshots = Snapshots()
    snapshots.add_source("console of a/vm", lambda: "mine", "a")
    snapshots.add_source("console of b/vm", lambda: "another scenario's", "b")
    snapshots.take(None, ["a"], 0.0)
    assert [file.name for file in folder.files if file.name != "log.txt"] == ["01-console-of-a-vm.txt"]


def test_a_test_has_no_more_than_so_much_evidence(folder: TestFolder) -> None:
    snapshots = Snapshots()
    count = ALTOGETHER // LARGEST + 3
    for number in range(count):
        snapshots.add_source(f"log {number}", lambda: "x" * (2 * LARGEST))
    snapshots.take(None, (), 0.0)
    assert sum(file.stat().st_size for file in folder.files) < ALTOGETHER + 10_000
    assert 0 < len(folder.notes) < count
    assert "left out" in folder.notes[-1]
