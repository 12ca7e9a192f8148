"""Waits for a file to appear, told by the kernel (inotify)."""

from __future__ import annotations

import asyncio
import ctypes
import os
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_CREATED_OR_MOVED_HERE = 0x100 | 0x80


async def appears(path: Path, limit: float) -> None:
    """Return when ``path`` exists, whose folder must; ``TimeoutError`` after ``limit`` seconds."""
    watcher = _LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if watcher < 0 or _LIBC.inotify_add_watch(watcher, os.fsencode(path.parent), _CREATED_OR_MOVED_HERE) < 0:
        code = ctypes.get_errno()
        if watcher >= 0:
            os.close(watcher)
        raise OSError(code, f"cannot watch {path.parent}: {os.strerror(code)}")
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def drain() -> None:
        os.read(watcher, 65536)
        changed.set()

    loop.add_reader(watcher, drain)
    try:
        async with asyncio.timeout(limit):
            while not os.access(path, os.F_OK):
                await changed.wait()
                changed.clear()
    except TimeoutError as error:
        raise TimeoutError(f"{path} did not appear within {limit:g} s") from error
    finally:
        loop.remove_reader(watcher)
        os.close(watcher)
