"""Processes that the lab owns: started with a mark, ended with their owner, recognised later when it is gone.

A process is the lab's if ``UDN_LAB=<name>`` stands in its environment. Signals go through a pidfd that is opened
before the mark is read, so a number that the kernel has given to somebody else is never signalled.
"""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "UDN_LAB"
Recipe = tuple[tuple[str, ...], str | None, dict[str, str]]
"""How a process is started: arguments, network namespace, environment beside the lab's."""
#: For the lab's own processes: they trust the lab's authority alone, and would each read the machine's at their start.
NO_AUTHORITIES = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
GRACE = 3.0  # seconds between SIGTERM and SIGKILL


class ProcessFailed(Exception):
    """A process could not be started, or ended although it was needed."""


@dataclass(frozen=True)
class Owned:
    """A process: its name in the lab, its pid, and when it started (clock ticks since boot)."""

    name: str
    pid: int
    started: int


def parse_started(stat: str) -> int:
    """The start time in the text of ``/proc/PID/stat``; a command's name may hold spaces and brackets."""
    return int(stat.rpartition(")")[2].split()[19])


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if stat.rpartition(")")[2].split()[0] == "Z" else parse_started(stat)


def memory(pid: int) -> int:
    """Proportional set size of a process in bytes (resident size where that is not told); 0 if it is gone."""
    for file, field in ((f"/proc/{pid}/smaps_rollup", "Pss:"), (f"/proc/{pid}/status", "VmRSS:")):
        with suppress(OSError):
            for line in Path(file).read_text().splitlines():
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
    return 0


def marked(environment: bytes, name: str) -> bool:
    """Whether the text of ``/proc/PID/environ`` bears the mark of the lab ``name``."""
    return f"{MARK}={name}".encode() in environment.split(b"\0")


def find(name: str) -> list[int]:
    """Pids of the processes of lab ``name``, without this one and its ancestors."""
    mine = _ancestors()
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [pid for pid in pids if pid not in mine and _is_marked(pid, name)]


def end(name: str, pids: Iterable[int], grace: float = GRACE) -> list[int]:
    """SIGTERM to those processes of lab ``name``, SIGKILL after ``grace`` seconds; gives those that remain."""
    handles: dict[int, int] = {}
    for pid in pids:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            if _is_marked(pid, name):
                handles[pid] = handle
            else:
                os.close(handle)
    try:
        for number, limit in ((signal.SIGTERM, grace), (signal.SIGKILL, GRACE)):
            _signal(handles.values(), number)
            gone = _wait(handles, limit)
            for pid in gone:
                os.close(handles.pop(pid))
            if not handles:
                break
        return list(handles)
    finally:
        for handle in handles.values():
            os.close(handle)


def wait_end(name: str, pid: int, number: signal.Signals, limit: float) -> bool:
    """Signal one process of lab ``name`` and wait for its end; whether it has ended (or was none) in ``limit`` s."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if not _is_marked(pid, name):
            return True
        _signal([handle], number)
        return bool(_wait({pid: handle}, limit))
    finally:
        os.close(handle)


class Processes:
    """The processes of one owner. They get SIGKILL when the thread that started them ends: start them from the main
    one. ``on_exit(name, status)`` is called when one ends that was not told to."""

    def __init__(self, lab: str, logs: Path, on_exit: Callable[[str, int], None]) -> None:
        self._lab = lab
        self._logs = logs
        self._on_exit = on_exit
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._ending: set[str] = set()
        self._recipes: dict[str, Recipe] = {}

    async def start(
        self, name: str, argv: Sequence[str], netns: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start ``argv``, inside the network namespace ``netns`` if given; output goes to ``<name>.log``.

        Raises :class:`ProcessFailed` if the program is not installed.
        """
        self._ending.discard(name)
        self._recipes[name] = (tuple(argv), netns, dict(env or {}))
        if shutil.which(argv[0]) is None:
            raise ProcessFailed(f"cannot start {name}: {argv[0]} is not installed; see `python -m lab preflight`")
        inside = ["nsenter", f"--net=/run/netns/{netns}", "--"] if netns else []
        log = self._logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *["setpriv", "--pdeathsig", "KILL", "--", *inside, *argv],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **NO_AUTHORITIES, **(env or {}), MARK: self._lab},
                start_new_session=True,
            )
        self._running[name] = process
        self._watchers[name] = asyncio.create_task(self._watch(name, process))

    async def restart(self, name: str, grace: float = GRACE) -> None:
        """End a process, if it still runs, and start it again as it was started; ``KeyError`` if it never was."""
        argv, netns, env = self._recipes[name]
        await self.end([name], grace)
        await self.start(name, argv, netns, env)

    def expect_end(self, name: str) -> None:
        """The process is about to end by itself: that is no failure."""
        self._ending.add(name)

    def owned(self) -> list[Owned]:
        """Those that run, in the order of their start."""
        found = ((name, process.pid, started(process.pid)) for name, process in self._running.items())
        return [Owned(name, pid, since) for name, pid, since in found if since is not None]

    def failure(self, name: str, status: int) -> str:
        """One line about a process that ended: its status, its log's last line, where to read on."""
        log = self._logs / f"{name}.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        how = f"signal {-status}" if status < 0 else f"status {status}"
        said = f": {lines[-1].strip()}" if lines else ""
        return f"process {name} ended with {how}{said} (see {log})"

    async def end(self, names: Iterable[str], grace: float = GRACE) -> None:
        """SIGTERM, then SIGKILL after ``grace`` seconds; returns when they are gone."""
        ending = {name: self._running[name] for name in names if name in self._running}
        self._ending.update(ending)
        for number, limit in ((signal.SIGTERM, grace), (signal.SIGKILL, GRACE)):
            for process in ending.values():
                with suppress(ProcessLookupError):
                    process.send_signal(number)
            waiting = [self._watchers[name] for name in ending if not self._watchers[name].done()]
            if not waiting:
                return
            await asyncio.wait(waiting, timeout=limit)

    async def _watch(self, name: str, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._running.pop(name, None)
        if name not in self._ending:
            self._on_exit(name, status)


def _is_marked(pid: int, name: str) -> bool:
    try:
        return marked(Path(f"/proc/{pid}/environ").read_bytes(), name)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _ancestors() -> set[int]:
    pids, pid = set(), os.getpid()
    while pid > 0:
        pids.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            break
    return pids


def _signal(handles: Iterable[int], number: signal.Signals) -> None:
    for handle in handles:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, number)


def _wait(handles: Mapping[int, int], limit: float) -> list[int]:
    """Pids whose processes ended within ``limit`` seconds: a pidfd is readable from then on."""
    poll = select.poll()
    waiting = {handle: pid for pid, handle in handles.items()}
    for handle in waiting:
        poll.register(handle, select.POLLIN)
    gone: list[int] = []
    deadline = time.monotonic() + limit
    while waiting and (left := deadline - time.monotonic()) > 0:
        for handle, _ in poll.poll(left * 1000):
            poll.unregister(handle)
            gone.append(waiting.pop(handle))
    return gone
