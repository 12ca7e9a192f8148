"""One supervisor a lab: a lock that lasts as long as the process that holds it, however that process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Locked(Exception):
    """Another process holds the lock."""


class LabLock:
    """The lock of the lab whose state directory is ``state``; kept in a file beside that directory."""

    def __init__(self, state: Path, descriptor: int | None = None) -> None:
        self._path = state.with_name(f".{state.name}.lock")
        self._descriptor = descriptor

    @property
    def descriptor(self) -> int:
        """To hand the lock to a child: it is held until the last copy is closed."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def acquire(self) -> None:
        """Take the lock; raises :class:`Locked` at once if another process has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(descriptor)
                raise Locked(str(self._path)) from error
            # The file may have been removed by its last holder between open and lock.
            if _same(descriptor, self._path):
                self._descriptor = descriptor
                return
            os.close(descriptor)

    def held(self) -> bool:
        """Whether some process has the lock."""
        if not self._path.exists():
            return False
        try:
            self.acquire()
        except Locked:
            return True
        self.release()
        return False

    def release(self, keep_file: bool = False) -> None:
        """Give the lock back, and remove its file unless somebody else still holds it with us."""
        if self._descriptor is None:
            return
        if not keep_file:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None


def _same(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
