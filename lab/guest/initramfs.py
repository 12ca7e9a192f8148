"""Writes an initial RAM file system: a cpio archive in the "newc" format.

Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. Everything belongs to root and has
the same time, so that equal inputs give equal bytes. The archive is not compressed: unpacking would cost an
emulated processor more than it saves.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

_TRAILER = "TRAILER!!!"


class Initramfs:
    """Collects the entries of an archive, then writes them, parents before children."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes]] = {}

    def directory(self, path: str, mode: int = 0o755) -> None:
        """A directory, with its parents."""
        self._parents(path)
        self._entries[path] = (stat.S_IFDIR | mode, b"")

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """A regular file, with its parents."""
        self._parents(path)
        self._entries[path] = (stat.S_IFREG | mode, content)

    def link(self, path: str, target: str) -> None:
        """A symbolic link, unless something stands there already."""
        self._parents(path)
        self._entries.setdefault(path, (stat.S_IFLNK | 0o777, target.encode()))

    def tree(self, source: Path) -> None:
        """All files below ``source``, with their permissions to execute."""
        for path in sorted(source.rglob("*")):
            if path.is_file():
                mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
                self.file(path.relative_to(source).as_posix(), path.read_bytes(), mode)

    def write(self, target: Path) -> None:
        """Write the archive to ``target``."""
        with target.open("wb") as stream:
            for number, name in enumerate(sorted(self._entries), start=1):
                mode, content = self._entries[name]
                _record(stream, number, name, mode, content)
            _record(stream, 0, _TRAILER, 0, b"")

    def _parents(self, path: str) -> None:
        for parent in list(Path(path).parents)[:-1]:
            self._entries.setdefault(parent.as_posix(), (stat.S_IFDIR | 0o755, b""))


def _record(stream: BinaryIO, number: int, name: str, mode: int, content: bytes) -> None:
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    stream.write(_padded(header + encoded) + _padded(content))


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
