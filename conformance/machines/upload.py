"""Text put into a file of the guest, by commands that are short enough to be typed."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.machines.framing import LONGEST_LINE, escaped
from conformance.machines.shell import quote

#: Room for the rest of the command and for its frame, which quotes it once more.
CHUNK = LONGEST_LINE - 600


def uploads(text: str, path: str) -> Iterator[str]:
    """Commands that make ``path`` hold ``text``, readable by its owner alone; each may be run a second time."""
    parts = [*_parts(text)]
    files = [quote(path)] if len(parts) == 1 else [quote(f"{path}.{number}") for number in range(len(parts))]
    for part, file in zip(parts, files, strict=True):
        # A builtin of the shell, and nothing else: a fork for each part would cost more than the part.
        yield f"umask 077; printf %b '{part}' > {file}"
    if len(files) > 1:
        yield f"umask 077; cat {' '.join(files)} > {quote(path)}"
        yield f"rm -f {' '.join(files)}"


def _parts(text: str) -> Iterator[str]:
    """The text, escaped, in parts that end between two characters."""
    part = ""
    for character in text:
        piece = escaped(character)
        # Each quote and each of what quoting makes of it counts: see frame.
        if len(part) + len(piece) > CHUNK:
            yield part
            part = ""
        part += piece
    yield part
