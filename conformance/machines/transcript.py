"""What a console said, kept for evidence: the newest part, without the password."""

from __future__ import annotations

import threading
from collections import deque

from conformance.evidence import REDACTOR
from conformance.machines.framing import plain

KEPT = 256 * 1024


class Transcript:
    """A bounded record of a console's output, over all its connections."""

    def __init__(self, secret: str | None = None, kept: int = KEPT) -> None:
        self._secret = secret
        self._kept = kept
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        """Take what came from the console."""
        with self._lock:
            self._chunks.append(chunk)
            self._size += len(chunk)
            while self._size > self._kept and len(self._chunks) > 1:
                oldest = self._chunks.popleft()
                self._size -= len(oldest)
                self._dropped += len(oldest)

    def text(self) -> str:
        """All that is kept, as plain text."""
        with self._lock:
            whole = b"".join(self._chunks)[-self._kept :]
            dropped = self._dropped
        text = plain(whole).replace("\r", "")
        if self._secret:
            # Never typed where it is echoed, unless a guest's prompt misleads; then it must not stay here.
            text = text.replace(self._secret, "[redacted]")
        return (f"[{dropped} bytes before this are not kept]\n" if dropped else "") + REDACTOR.text(text)

    def last_lines(self, count: int = 5) -> str:
        """The last lines that hold something, in one line."""
        lines = [line.strip() for line in self.text().splitlines() if line.strip()]
        return " / ".join(lines[-count:]) or "nothing"
