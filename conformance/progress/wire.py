"""How the processes that run tests tell the one that leads what they are at: datagrams, of which one may be lost."""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import select

from conformance.evidence.recorder import Event, StepEnded, StepStarted

LONGEST = 4096  # bytes of a message


@dataclass(frozen=True)
class News:
    """What a test is at: the title of a step, or nothing in particular."""

    test: str
    step: str
    at: float


class Listener:
    """Hears the news; ``address`` is what tellers need. Raises OSError where it cannot be set up."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="udnc-")
        self.address = str(Path(self._folder.name) / "progress")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(self.address)
        except OSError:
            self.close()
            raise

    def heard(self, seconds: float) -> Iterator[News]:
        """What comes within so many seconds, at once when it comes; ends when nothing more is there."""
        while select([self._socket], [], [], seconds)[0]:
            news = _read(self._socket.recv(LONGEST))
            if news is not None:
                yield news
            seconds = 0.0

    def wake(self) -> None:
        """Have :meth:`heard` return."""
        with suppress(OSError):
            self._socket.sendto(b"", self.address)

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()
        self._folder.cleanup()


class Teller:
    """Subscriber of the recorder: tells a listener of the steps of one test. Never waits, never fails."""

    def __init__(self, address: str, test: str) -> None:
        self._address = address
        self._test = test
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._open: dict[str, StepStarted] = {}

    def receive(self, event: Event) -> None:
        """Take an event of the recorder; all but steps say nothing of what is waited for."""
        if isinstance(event, StepStarted):
            self._open[event.id] = event
        elif isinstance(event, StepEnded):
            self._open.pop(event.id, None)
        else:
            return
        # Of steps side by side, the one that began last: the others are told when it is over.
        step = next(reversed(self._open.values()), None)
        self._tell(News(self._test, step.title if step else "", step.at if step else time.monotonic()))

    def close(self) -> None:
        """Tell nothing more."""
        self._socket.close()

    def _tell(self, news: News) -> None:
        body = json.dumps([news.test, news.step[:200], news.at]).encode()
        # The listener may be gone, or behind: progress is worth neither a test nor its time.
        with suppress(OSError):
            self._socket.sendto(body[:LONGEST], self._address)


def _read(body: bytes) -> News | None:
    try:
        test, step, at = json.loads(body)
        return News(str(test), str(step), float(at))
    except (ValueError, TypeError):
        return None
