"""Text that is too long to be typed in one line, cut into commands that put it into a file of the guest."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from conformance.machines.shell import quote

CHUNK = 480  # bytes before base64: the typed line stays under a line editor's limit


def uploads(text: str, path: str) -> Iterator[str]:
    """Commands that make ``path`` hold ``text``, readable by its owner alone; each may be run a second time."""
    data = text.encode()
    parts = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)] or [b""]
    yield f"umask 077; : > {quote(path)}"
    for number, part in enumerate(parts):
        encoded = base64.b64encode(part).decode()
        offset = number * CHUNK
        # Written at its place, not appended: a repeated command changes nothing.
        yield f"echo {encoded} | base64 -d | dd of={quote(path)} bs=1 seek={offset} conv=notrunc 2>/dev/null"
