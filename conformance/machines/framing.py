"""How a command is wrapped on a console so that its output and status are told from all else there.

A shell on a serial line echoes what is typed, prints prompts and escape sequences, and the kernel writes in
between. So the output stands between two markers with a nonce. In the line that is typed each marker is split in
two quoted parts; only ``printf`` puts them together, so the echo of the line never holds a marker, however the
terminal wraps it.

Once logged in, the shell is put into a loop that reads a line and runs it: without the echo and the redrawing of a line
editor, which cost an emulated guest more than the command (a line of 800 bytes: 50 ms instead of 180), and with lines
as long as a terminal takes. Pure functions over bytes.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from conformance.machines.shell import Output

#: A terminal of Linux takes lines of up to 4095 bytes.
LONGEST_LINE = 3800
_HEAD = "udnc"
PROMPT = b"udnc# "
#: What is typed to a shell's own line editor has to be shorter: busybox drops what goes beyond 1024 bytes.
_LOOP = "while printf %s%s udnc '# ' && IFS= read -r udnc; do eval \"$udnc\"; done"
# A terminal that wraps nothing and a kernel that keeps quiet; `dmesg -n` wants root.
_SETUP = "stty cols 500 rows 500 -echo; dmesg -n 1 2>/dev/null || sudo -n dmesg -n 1 2>/dev/null"

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


def frame(command: str, nonce: str) -> Frame:
    """Wrap a command.

    ``eval`` in a subshell: a syntax error, an ``exit`` or an open quote in the command ends the subshell alone.
    """
    plain_text = command.isascii() and command.isprintable()
    text = shlex.quote(command) if plain_text else f"\"$(printf %b '{escaped(command)}')\""
    return _framed(f"( eval {text} ) </dev/null", nonce)


def entry(nonce: str) -> Frame:
    """The line that proves a shell, sets its terminal up, and puts it into the loop."""
    return _framed(_SETUP, nonce, _LOOP)


def proof(nonce: str) -> Frame:
    """The line that proves a shell that is in the loop already."""
    return _framed(_SETUP, nonce)


def escaped(text: str) -> str:
    """Text as an argument of ``printf %b`` between single quotes, in printable ASCII."""
    return "".join(_ESCAPED.get(byte) or chr(byte) for byte in text.encode())


_ESCAPED = {byte: f"\\0{byte:03o}" for byte in (*range(32), ord("'"), *range(127, 256))}
_ESCAPED |= {ord("\n"): "\\n", ord("\\"): "\\\\"}


def _framed(body: str, nonce: str, after: str = "") -> Frame:
    line = f" printf '\\n%s%s\\n' {_HEAD} B{nonce}; {body}; printf '\\n%s%s:%s:\\n' {_HEAD} E{nonce} \"$?\""
    whole = f"{line}; {after}\n" if after else f"{line}\n"
    return Frame(whole.encode(), f"{_HEAD}B{nonce}".encode(), f"{_HEAD}E{nonce}:".encode())


def fits(frame: Frame) -> bool:
    """Whether the line can be typed at once."""
    return len(frame.line) <= LONGEST_LINE


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
