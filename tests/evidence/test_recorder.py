"""Steps, attachments and figures reach every subscriber, and one that fails harms no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.evidence import attach, figure, note, step
from conformance.evidence.folder import Figure, TestFolder, slug
from conformance.evidence.recorder import JSON, RECORDER, Event, Noted


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[TestFolder]:
    """The folder of a test that is recorded now."""
    folder = TestFolder(tmp_path / "evidence")
    unsubscribe = RECORDER.subscribe(folder)
    yield folder
    unsubscribe()


def log(folder: TestFolder) -> list[str]:
    """The log without its times."""
    return [line.split("s ", 1)[1] for line in (folder.folder / "log.txt").read_text().splitlines()]


def test_steps_nest_and_tell_how_they_ended(folder: TestFolder) -> None:
    @step("outer")
    def break_inside() -> None:
        with step("inner"):
            pass
        raise ValueError("broken\nand more")

    with pytest.raises(ValueError, match="broken"):
        break_inside()
    lines = [line.rsplit(" (", 1)[0] for line in log(folder)]
    assert lines == ["outer …", "  inner …", "  inner: done", "outer: FAILED: broken"]


def test_a_step_decorates_a_function_again_and_again(folder: TestFolder) -> None:
    @step("count")
    def count(number: int) -> int:
        return number + 1

    assert count(count(1)) == 3
    assert [line.split(":")[0] for line in log(folder) if "done" in line] == ["count", "count"]


def test_attachments_become_files_without_secrets(folder: TestFolder) -> None:
    attach("The VM's manifest", "password: hunter22\n")
    attach("answer", b'{"a": 1}', JSON)
    files = sorted(file.name for file in folder.folder.iterdir())
    assert files == ["01-the-vm-s-manifest.txt", "02-answer.json", "log.txt"]
    assert (folder.folder / files[0]).read_text() == "password: [redacted]\n"


def test_figures_and_notes_are_kept_for_the_report(folder: TestFolder) -> None:
    figure("longest silence", 0.065, "s")
    note("token=abcdefgh was seen")
    assert folder.figures == [Figure("longest silence", 0.065, "s")]
    assert folder.notes == ["token=[redacted] was seen"]


def test_a_subscriber_that_fails_is_left_out_and_told_of(folder: TestFolder) -> None:
    class Failing:
        def receive(self, event: Event) -> None:
            raise OSError("disk full")

    RECORDER.subscribe(Failing())
    with step("goes on"):
        figure("one", 1, "s")
    assert len(folder.notes) == 1
    assert "Failing failed and is left out" in folder.notes[0]
    assert folder.figures == [Figure("one", 1.0, "s")]


def test_a_test_that_records_nothing_leaves_no_folder(folder: TestFolder) -> None:
    assert not folder.folder.exists()
    RECORDER.publish(Noted("now", 0.0))
    assert folder.folder.exists()


def test_names_of_files_are_short_and_distinct() -> None:
    long = "suites/persistence/test_migration.py::test_" + "very_" * 40
    assert len(slug(long + "a")) <= 80
    assert slug(long + "a") != slug(long + "b")
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("…") == "unnamed"
