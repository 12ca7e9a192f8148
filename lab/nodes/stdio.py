"""The three streams of a child process, as pipes or as a terminal, read and written without blocking."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import struct
import termios
from dataclasses import dataclass

_CHUNK = 65536
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441


@dataclass
class Stdio:
    """Our ends and the child's ends. With a terminal, ``stdout`` carries both output streams and ``stderr`` is None."""

    stdin: int | None
    stdout: int
    stderr: int | None
    child: tuple[int, int, int]
    terminal: bool = False

    @classmethod
    def pipes(cls, stdin: bool) -> Stdio:
        """Three pipes; without ``stdin`` the child reads /dev/null."""
        ours_in: int | None = None
        if stdin:
            child_in, ours_in = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours_in, False)
        else:
            child_in = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        out, child_out = os.pipe2(os.O_CLOEXEC)
        err, child_err = os.pipe2(os.O_CLOEXEC)
        for descriptor in (out, err):
            os.set_blocking(descriptor, False)
        return cls(ours_in, out, err, (child_in, child_out, child_err))

    @classmethod
    def pseudo_terminal(cls, multiplexer: str = "/dev/ptmx") -> Stdio:
        """One pseudo-terminal for all three; ``multiplexer`` says in whose /dev/pts it has its name."""
        ours = os.open(multiplexer, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        fcntl.ioctl(ours, _TIOCSPTLCK, struct.pack("i", 0))
        # By descriptor, not by name: the name is one inside the container.
        theirs = fcntl.ioctl(ours, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        os.set_blocking(ours, False)
        return cls(ours, ours, None, (theirs, theirs, theirs), terminal=True)

    def close_child(self) -> None:
        """Close the child's ends in this process, once it was started."""
        for descriptor in set(self.child):
            os.close(descriptor)

    def close_stdin(self) -> None:
        """Tell the child that no more input comes."""
        if self.stdin is not None and not self.terminal:
            os.close(self.stdin)
        self.stdin = None

    def close(self) -> None:
        """Close our ends."""
        self.close_stdin()
        os.close(self.stdout)
        if self.stderr is not None:
            os.close(self.stderr)

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal its size; without one, nothing."""
        if self.terminal:
            fcntl.ioctl(self.stdout, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


async def read(descriptor: int, ended: asyncio.Event | None = None) -> bytes:
    """The next bytes; empty at the end, and when there are none although ``ended`` is set."""
    while True:
        last = ended is not None and ended.is_set()
        try:
            return os.read(descriptor, _CHUNK)
        except BlockingIOError:
            if last:
                return b""
            await _ready(descriptor, write=False, ended=ended)
        except OSError as error:
            # A terminal whose last user is gone says EIO instead of the end.
            if error.errno == errno.EIO:
                return b""
            raise


async def write(descriptor: int, data: bytes) -> None:
    """Write all of it; ``BrokenPipeError`` when nobody reads any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            await _ready(descriptor, write=True)


async def _ready(descriptor: int, write: bool, ended: asyncio.Event | None = None) -> None:
    loop = asyncio.get_running_loop()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    event = asyncio.Event()
    add(descriptor, event.set)
    over = asyncio.create_task(ended.wait()) if ended is not None else None
    try:
        if over is not None:
            over.add_done_callback(lambda _: event.set())
        await event.wait()
    finally:
        remove(descriptor)
        if over is not None:
            over.cancel()
