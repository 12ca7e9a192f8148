"""A program on a pseudo-terminal (``virtctl console``) whose output is read all the time.

Someone has to read: a guest whose serial line nobody drains stops at its next line of kernel log. One thread per
console also notices at once when the console is cut.
"""

from __future__ import annotations

import os
import pty
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pexpect import EOF, fdpexpect

T = TypeVar("T")

ESCAPE = b"\x1d"
INTERRUPT = b"\x03"


class Cut(Exception):
    """The program ended: ``text`` is the last that it said, ``status`` its exit status."""

    def __init__(self, text: bytes, status: int | None) -> None:
        super().__init__(f"status {status}")
        self.text = text
        self.status = status


class Silent(Exception):
    """What was waited for did not come in time; ``text`` is what came instead."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.text = text


class Wire:
    """One running program; closed it cannot be used again.

    The pseudo-terminal is raw before the program starts, so nothing is echoed or translated on this side of it.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], heard: Callable[[bytes], None]) -> None:
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        try:
            # Not pexpect.spawn: it forks in Python, which is unsafe beside the threads of other consoles.
            self._process = subprocess.Popen(
                list(argv), stdin=theirs, stdout=theirs, stderr=theirs, env=dict(environment), start_new_session=True
            )
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._terminal: fdpexpect.fdspawn[bytes] = fdpexpect.fdspawn(ours, timeout=None, maxread=65536, use_poll=True)
        self._terminal.delaybeforesend = None
        self._heard = heard
        self._buffer = bytearray()
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, name=f"console {argv[-1]}", daemon=True)
        self._reader.start()

    @property
    def open(self) -> bool:
        """Whether the program still runs."""
        return not self._ended

    def write(self, data: bytes) -> None:
        """Type; drops what was heard before, so that the next wait sees only what follows. Raises ``Cut``."""
        with self._news:
            self._buffer.clear()
        self.type(data)

    def type(self, data: bytes) -> None:
        """Type, and keep what was heard. Raises ``Cut``."""
        try:
            while data:
                data = data[self._terminal.send(data) :]
        except OSError as error:
            raise self._cut() from error

    def wait_for(self, find: Callable[[bytes], T | None], seconds: float) -> T:
        """What ``find`` makes of all heard since the last ``write``; raises ``Silent`` or ``Cut``."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                heard = bytes(self._buffer)
                found = find(heard)
                if found is not None:
                    return found
                if self._ended:
                    raise self._cut()
                left = end - time.monotonic()
                if left <= 0:
                    raise Silent(heard)
                self._news.wait(left)

    def wait_for_news(self, known: int, seconds: float) -> bytes:
        """All heard since the last ``write``, once it is more than ``known`` bytes; raises ``Silent`` or ``Cut``."""
        return self.wait_for(lambda heard: heard if len(heard) > known else None, seconds)

    def close(self) -> None:
        """Leave by the escape byte, sent alone; then by force. Nothing of the program is left."""
        if self.open:
            try:
                self.type(ESCAPE)
                self._process.wait(timeout=2)
            except (Cut, subprocess.TimeoutExpired):
                self._process.kill()
        self._process.wait()
        self._reader.join(timeout=5)
        self._terminal.close()

    def _read(self) -> None:
        while True:
            try:
                chunk = self._terminal.read_nonblocking(65536, timeout=None)
            except (EOF, OSError, ValueError):
                break
            self._heard(chunk)
            with self._news:
                self._buffer += chunk
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _cut(self) -> Cut:
        try:
            status: int | None = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            status = None
        return Cut(bytes(self._buffer[-2000:]), status)
