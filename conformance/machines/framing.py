"""How a command is wrapped on a console so that its output and status are told from all else there.

A shell on a serial line echoes what is typed, prints prompts and escape sequences, and the kernel writes in
between. So the output stands between two markers with a nonce. In the line that is typed each marker is split in
two quoted parts; only ``printf`` puts them together, so the echo of the line never holds a marker, however the
terminal wraps it. Pure functions over bytes.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from conformance.machines.shell import Output

#: Line editors drop what goes beyond their buffer: 1024 bytes in busybox.
LONGEST_LINE = 900
_HEAD = "udnc"

# CSI (cursor, colour, bracketed paste, busybox's question for the cursor), OSC (titles, shell integration), others.
_ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()#][0-9A-Za-z]|\x1b[=>78cDEHMNOZ]"
)


@dataclass(frozen=True)
class Frame:
    """One wrapped command: the line to type, and how to find its result."""

    line: bytes
    begin: bytes
    end: bytes


def frame(command: str, nonce: str, bare: bool = False) -> Frame:
    """Wrap a command; ``bare`` runs it in the shell itself, with the terminal as its input.

    ``eval`` in a subshell: a syntax error, an ``exit`` or an open quote in the command ends the subshell alone.
    """
    body = command if bare else f"( eval {shlex.quote(command)} ) </dev/null"
    line = f" printf '\\n%s%s\\n' {_HEAD} B{nonce}; {body}; printf '\\n%s%s:%s:\\n' {_HEAD} E{nonce} \"$?\"\n"
    return Frame(line.encode(), f"{_HEAD}B{nonce}".encode(), f"{_HEAD}E{nonce}:".encode())


def fits(frame: Frame) -> bool:
    """Whether the line can be typed at once: short, and one line."""
    return len(frame.line) <= LONGEST_LINE and frame.line.count(b"\n") == 1


def unframe(frame: Frame, stream: bytes) -> Output | None:
    """The result in what the console gave, or ``None`` when it is not complete yet."""
    end = stream.rfind(frame.end)
    if end < 0:
        return None
    status, closed, _ = stream[end + len(frame.end) :].partition(b":")
    if not closed or not status.isdigit():
        return None
    begin = stream.find(frame.begin)
    # An evicted or overrun console may have lost the first marker; the status alone would then pass for a result.
    if not 0 <= begin < end:
        return None
    _, _, body = stream[begin:end].partition(b"\n")
    return Output(int(status), plain(_without_last_line_end(body)))


def partial(frame: Frame, stream: bytes) -> str:
    """What a command that has not ended wrote so far."""
    _, found, rest = stream.partition(frame.begin)
    return plain(rest.partition(b"\n")[2] if found else b"")


def plain(stream: bytes) -> str:
    """Text without escape sequences, carriage returns and other controls of a terminal."""
    without = _ESCAPES.sub(b"", stream).replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
    return without.decode("utf-8", "replace").replace("\x00", "").replace("\x07", "")


def _without_last_line_end(body: bytes) -> bytes:
    # The line end that the second marker's printf wrote before it.
    for line_end in (b"\r\r\n", b"\r\n", b"\n"):
        if body.endswith(line_end):
            return body[: -len(line_end)]
    return body
