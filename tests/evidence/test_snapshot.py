"""A snapshot has what could be had, notes what could not, and never outlasts its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.evidence.folder import TestFolder
from conformance.evidence.recorder import RECORDER
from conformance.evidence.snapshot import LARGEST, Snapshots


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
    snapshots.add_source("good", lambda: "login: \npassword=hunter22")
    snapshots.add_source("broken", lambda: str(1 // 0))
    snapshots.add_source("hanging", lambda: str(hang.wait()))
    snapshots.add_source("large", lambda: "x" * (2 * LARGEST))
    snapshots.take(None, seconds=1.0)
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
    snapshots.take(None)
    assert not folder.folder.exists()
