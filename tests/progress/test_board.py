"""What a run is at, as a line."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any, TextIO

import pytest

from conformance.evidence.recorder import RECORDER, figure, step
from conformance.progress.board import Board
from conformance.progress.reporter import PATIENCE, Progress
from conformance.progress.wire import Listener, News, Teller


def test_the_longest_running_test_comes_first_with_what_it_is_at() -> None:
    board = Board()
    board.expect(["a.py::test_one", "a.py::test_two", "a.py::test_three"] * 2)
    assert board.idle
    board.begin("a.py::test_two", 10.0)
    board.begin("a.py::test_one", 2.0)
    board.step("a.py::test_one", "migrate ns/vm", 30.0)
    board.step("a.py::test_unknown", "nothing", 30.0)
    assert board.line(43.4) == "[0/3] test_one 41s, for 13s: migrate ns/vm · test_two 33s"
    board.step("a.py::test_one", "", 50.0)
    board.end("a.py::test_two")
    assert board.line(60.0) == "[1/3] test_one 58s"


def test_a_step_may_be_known_before_its_test_and_not_after() -> None:
    board = Board()
    board.expect(["a.py::test_one"])
    board.step("a.py::test_one", "boot ns/vm", 1.0)
    assert board.idle
    board.begin("a.py::test_one", 1.0)
    assert board.line(3.0) == "[0/1] test_one 2s, for 2s: boot ns/vm"
    board.end("a.py::test_one")
    board.step("a.py::test_one", "late", 4.0)
    board.begin("a.py::test_one", 5.0)
    assert board.line(6.0) == "[1/1] test_one 1s"


def test_steps_travel_to_the_listener_innermost_first() -> None:
    listener = Listener()
    teller = Teller(listener.address, "a.py::test_one")
    unsubscribe = RECORDER.subscribe(teller)
    try:
        with step("outer"):
            figure("a figure", 1, "s")
            with step("inner"):
                pass
        heard = list(listener.heard(5.0))
    finally:
        unsubscribe()
        teller.close()
        listener.close()
    assert [news.step for news in heard] == ["outer", "inner", "outer", ""]
    assert {news.test for news in heard} == {"a.py::test_one"}


def test_nobody_listens_and_nobody_is_bothered() -> None:
    listener = Listener()
    address = listener.address
    listener.close()
    teller = Teller(address, "a.py::test_one")
    with step("alone"):
        unsubscribe = RECORDER.subscribe(teller)
        with step("told to nobody"):
            pass
        unsubscribe()
    teller.close()
    assert not Path(address).exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'["t", "s", "now"]', b"\xff"])
def test_what_is_no_news_is_passed_over(body: bytes) -> None:
    listener = Listener()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(body, listener.address)
        stranger.sendto(b'["t", "s", 1.5]', listener.address)
        assert list(listener.heard(5.0)) == [News("t", "s", 1.5)]
    listener.close()


class Writer:
    """As much of pytest's terminal writer as there has to be."""

    def __init__(self, stream: TextIO) -> None:
        self._file: Any = stream


def test_without_a_terminal_a_plain_line_comes_when_it_was_long_silent(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        writer = Writer(stream)
        progress = Progress(writer)
        progress.pytest_runtest_logstart("a.py::test_one")
        now = time.monotonic()
        for silent in (1.0, PATIENCE + 1.0, PATIENCE + 2.0, 2 * PATIENCE + 1.5):
            progress.look(now + silent)
        writer._file.write("[1/1] half a line … ")
        progress.look(now + 5 * PATIENCE)
        writer._file.write("done\n")
        progress.close()
        assert writer._file is stream
    told = (tmp_path / "log").read_text().splitlines()
    assert told == ["[0/1] test_one 31s", "[0/1] test_one 62s", "[1/1] half a line … done"]


def test_the_terminal_is_given_back_when_the_run_is_over(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        progress = Progress(Writer(stream))
        progress.pytest_sessionfinish()
        progress.pytest_unconfigure()
    assert (tmp_path / "log").read_text() == ""
