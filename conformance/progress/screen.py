"""A terminal's stream with one line below all that is written to it, taken away before each write."""

from __future__ import annotations

import os
import shutil
import threading
from typing import Any, TextIO

_ERASE = "\r\x1b[K"


class Screen:
    """Stands in for the stream that it wraps.

    The line is painted through a descriptor of its own: while a test runs, pytest has standard output lead elsewhere.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._paint = os.fdopen(os.dup(stream.fileno()), "w", encoding="utf-8", errors="replace")
        self._lock = threading.RLock()
        self._shown = False
        self._line_is_open = False

    def write(self, text: str) -> int:
        """Write as the stream does, above the line."""
        with self._lock:
            self._erase()
            written = self._stream.write(text)
            # At once: what is kept back would come after the line, or in the place that a test's output goes to.
            self._stream.flush()
            if text:
                self._line_is_open = not text.endswith("\n")
            return written

    def flush(self) -> None:
        """Nothing is ever kept back."""

    def show(self, line: str) -> None:
        """Paint the line, cut to the terminal's width; not while another line is half written."""
        with self._lock:
            if self._line_is_open:
                return
            width = shutil.get_terminal_size().columns - 1
            self._paint.write(_ERASE + (line if len(line) <= width else line[: width - 1] + "…"))
            self._paint.flush()
            self._shown = True

    def say(self, line: str) -> None:
        """A line that stays; not while another is half written."""
        with self._lock:
            if self._line_is_open:
                return
            self._erase()
            self._paint.write(line + "\n")
            self._paint.flush()

    def close(self) -> None:
        """Take the line away."""
        with self._lock:
            self._erase()
            self._paint.close()

    def _erase(self) -> None:
        if self._shown:
            self._paint.write(_ERASE)
            self._paint.flush()
            self._shown = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
