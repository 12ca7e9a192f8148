"""The log of a container: lines on disk in the format of CRI, and a way to follow them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_LONGEST_LINE = 16384


@dataclass(frozen=True)
class Selection:
    """Which lines somebody wants to read, as the query of ``/containerLogs`` says."""

    follow: bool = False
    tail_lines: int | None = None
    timestamps: bool = False
    since: datetime | None = None
    limit_bytes: int | None = None


class ContainerLog:
    """One run's output. Lines are ``<time> stdout|stderr F|P <text>``; ``P`` marks a line that goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.replace(previous(path))
        self._file = path.open("ab", buffering=0)
        self._rest: dict[str, bytes] = {}
        self._grown = asyncio.Event()
        self.ended = False

    def append(self, stream: str, data: bytes) -> None:
        """Add output as it came; what is not yet a line waits for its end."""
        *lines, rest = (self._rest.pop(stream, b"") + data).split(b"\n")
        record = b"".join(_record(stream, "F", line) for line in lines)
        while len(rest) >= _LONGEST_LINE:
            record += _record(stream, "P", rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        if rest:
            self._rest[stream] = rest
        if record:
            self._file.write(record)
            self._wake()

    def end(self) -> None:
        """No more output comes."""
        for stream, rest in self._rest.items():
            self._file.write(_record(stream, "P", rest))
        self._rest.clear()
        self._file.close()
        self.ended = True
        self._wake()

    async def read(self, selection: Selection) -> AsyncIterator[bytes]:
        """The lines wanted; with ``follow``, on until the log ends."""
        with self.path.open("rb") as file:
            left = selection.limit_bytes
            first = True
            while True:
                ended, grown = self.ended, self._grown
                data = file.read()
                chunk = _render(data, selection, tail=first)
                first = False
                if left is not None:
                    chunk, left = chunk[:left], left - len(chunk[:left])
                if chunk:
                    yield chunk
                if ended or not selection.follow or left == 0:
                    return
                if not data:
                    await grown.wait()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


def previous(path: Path) -> Path:
    """Where the log of the run before is kept."""
    return path.with_suffix(".previous.log")


def rendered(path: Path, selection: Selection) -> bytes:
    """The lines wanted of a log that does not grow any more; ``FileNotFoundError`` if there is none."""
    return _render(path.read_bytes(), selection, tail=True)[: selection.limit_bytes]


def _record(stream: str, mark: str, text: bytes) -> bytes:
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    return f"{moment} {stream} {mark} ".encode() + text + b"\n"


def _render(data: bytes, selection: Selection, tail: bool) -> bytes:
    records = data.splitlines(keepends=False) if b"\r" not in data else data.split(b"\n")[:-1]
    if selection.since is not None:
        limit = selection.since.strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()
        records = [record for record in records if record[: len(limit)] >= limit]
    if tail and selection.tail_lines is not None:
        records = records[-selection.tail_lines :] if selection.tail_lines else []
    out = []
    for record in records:
        moment, _, mark, text = record.split(b" ", 3)
        out.append((moment + b" " if selection.timestamps else b"") + text + (b"\n" if mark == b"F" else b""))
    return b"".join(out)
