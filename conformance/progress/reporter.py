"""Shows on the terminal what a run is at, from a thread of the process that leads it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from conformance.catalog.index import without_group
from conformance.progress.board import Board
from conformance.progress.screen import Screen
from conformance.progress.wire import Listener

TICK = 1.0  # seconds between two paintings of a live line
PATIENCE = 30.0  # seconds without a line until a plain one tells what is waited for


class Progress:
    """pytest plugin of the leading process; ``address`` is what a :class:`Teller` needs."""

    @classmethod
    def of(cls, config: pytest.Config, reporter: Any) -> Progress | None:
        """The progress of a run that is about to begin; None where nobody wants it or where it would disturb.

        A debugger, and tests whose output goes straight to the terminal (``-s``), have the screen for themselves.
        """
        option, writer = config.option, getattr(reporter, "_tw", None)
        # With xdist (tx: where its workers are) tests run elsewhere, and print nothing here.
        alone = option.usepdb or option.trace or (option.capture == "no" and not getattr(option, "tx", None))
        if writer is None or option.verbose < 0 or alone:
            return None
        try:
            return cls(writer)
        except (OSError, AttributeError):
            return (
                None  # a stream without a descriptor, or no room for a socket: the run is worth more than its progress
            )

    def __init__(self, writer: Any) -> None:
        self.board = Board()
        self._writer = writer
        self._stream = writer._file
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._listener = Listener()
        self.address = self._listener.address
        try:
            self._screen = Screen(self._stream)
        except (OSError, AttributeError):
            self._listener.close()
            raise
        writer._file = self._screen
        self._lock = threading.Lock()
        self._told = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)
        self._thread.start()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know how many tests there are, without xdist."""
        self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Know how many tests there are, with xdist."""
        self._expect(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins, here or in a worker."""
        with self._lock:
            self.board.begin(without_group(nodeid), time.monotonic())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test is over with its last phase, or with the worker that ran it."""
        if report.when not in ("setup", "call"):
            with self._lock:
                self.board.end(without_group(report.nodeid))
                self._told = time.monotonic()

    # Before what is written at the end; also after Ctrl-C.
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Leave the terminal as it was."""
        self.close()

    def pytest_unconfigure(self) -> None:
        """The same for a session that did not finish."""
        self.close()

    def close(self) -> None:
        """End the thread, and give the stream back."""
        if self._over.is_set():
            return
        self._over.set()
        self._listener.wake()
        self._thread.join()
        self._writer._file = self._stream
        self._screen.close()
        self._listener.close()

    def _expect(self, tests: Iterable[str]) -> None:
        with self._lock:
            self.board.expect(without_group(test) for test in tests)

    def _follow(self) -> None:
        while not self._over.is_set():
            for news in self._listener.heard(TICK):
                with self._lock:
                    self.board.step(news.test, news.step, news.at)
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Show what there is to show at a moment of the monotonic clock."""
        with self._lock:
            if self.board.idle:
                return
            line, silent = self.board.line(now), now - self._told
            if not self._live and silent >= PATIENCE:
                self._told = now
        if self._live:
            self._screen.show(line)
        elif silent >= PATIENCE:
            self._screen.say(line)
