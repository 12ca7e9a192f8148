"""A machine: one QEMU process in a pod's network namespace, its console, its monitor, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qemu.qmp import EventListener, Message

from lab import netns
from lab.guest.image import GuestImage
from lab.nodes.machines import command
from lab.nodes.machines.acceleration import Accelerator
from lab.nodes.machines.command import COLD_BOOT, Beginning, Lines, MachineSpec
from lab.nodes.machines.console import ConsoleHub
from lab.nodes.machines.memory import Memory
from lab.nodes.machines.monitor import MachineError, Monitor

_LOG = logging.getLogger(__name__)
_BUTTON_PAUSE = 1.0  # seconds between two presses: a guest that is still booting misses the first
_CLOSE_LIMIT = 5.0  # seconds for the last words of a monitor and a console
_SHUT_DOWN_BY_GUEST = "guest-shutdown"


@dataclass(frozen=True)
class End:
    """How a machine ended."""

    clean: bool
    """The guest shut itself down, or QEMU was told to quit; else it crashed or was killed."""
    why: str


@dataclass(frozen=True)
class Host:
    """Where a machine runs: the image and accelerator of this host, its pod's namespace, a folder for its files.

    Without a namespace it runs in that of this process, for a machine without NICs.
    """

    image: GuestImage
    accelerator: Accelerator
    netns: str | None
    folder: Path


class Machine:
    """A running machine. Owned by the process that started it, and killed with it."""

    def __init__(self, spec: MachineSpec, host: Host, process: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self.host = host
        self.monitor = Monitor(spec.name)
        self.console: ConsoleHub
        self.resets = 0
        """How often the guest was reset: reboots from inside, mostly."""
        self._process = process
        self._memory = -1
        self._shutdown: str | None = None
        self._ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._reset_seen = asyncio.Event()
        self._companions: list[asyncio.subprocess.Process] = []

    @classmethod
    async def start(cls, spec: MachineSpec, host: Host, beginning: Beginning = COLD_BOOT) -> Machine:
        """Start QEMU, which takes over the memory; :class:`MachineError` says why it did not."""
        host.folder.mkdir(parents=True, exist_ok=True)
        monitor, monitor_theirs = socket.socketpair()
        serial, serial_theirs = socket.socketpair()
        memory = beginning.memory or Memory.new(spec.memory)
        try:
            with monitor_theirs, serial_theirs:
                lines = Lines(monitor_theirs.fileno(), serial_theirs.fileno(), memory.descriptor)
                argv = command.arguments(spec, host.image, host.accelerator, lines, beginning)
                process = await _spawn(argv, host, lines)
        finally:
            memory.let_go()
        machine = cls(spec, host, process)
        machine._memory = memory.descriptor
        machine.console = ConsoleHub(serial, host.folder / "console.log")
        machine.console.start()
        machine._tasks.append(asyncio.create_task(machine._wait()))
        try:
            await machine.monitor.connect(monitor)
        except MachineError as error:
            await machine.kill()
            raise MachineError(f"machine {spec.name}: {machine.complaint() or error}") from error
        except asyncio.CancelledError:
            process.kill()
            raise
        machine._tasks.append(asyncio.create_task(machine._follow()))
        return machine

    def accompany(self, *companions: asyncio.subprocess.Process) -> None:
        """Have processes end with the machine."""
        self._companions.extend(companions)

    @property
    def holds_memory(self) -> tuple[int, int]:
        """Where the guest's memory is: QEMU's process id, and the descriptor there."""
        return self.pid, self._memory

    def memory(self) -> Memory:
        """The guest's memory, for a machine that it moves to; :class:`MachineError` when QEMU is gone."""
        return Memory.held_by(*self.holds_memory)

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether QEMU is there."""
        return not self._ended.done()

    async def ended(self) -> End:
        """How the machine ended, when it has."""
        return await asyncio.shield(self._ended)

    async def next_reset(self) -> None:
        """Return when the guest is next reset."""
        self._reset_seen.clear()
        await self._reset_seen.wait()

    async def pause(self) -> None:
        """Stop the processors."""
        await self.monitor.execute("stop")

    async def resume(self) -> None:
        """Let the processors go on."""
        await self.monitor.execute("cont")

    async def power_down(self, limit: float) -> End:
        """Press the power button until the guest is off; what is left of it after ``limit`` seconds is killed."""
        presses = asyncio.create_task(self._press_button())
        try:
            async with asyncio.timeout(limit):
                return await self.ended()
        except TimeoutError:
            return await self.kill()
        finally:
            presses.cancel()

    async def quit(self) -> End:
        """End QEMU, whatever its guest does."""
        with suppress(MachineError):
            await self.monitor.execute("quit")
        return await self.ended()

    async def kill(self) -> End:
        """End QEMU's process."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        return await self.ended()

    def complaint(self) -> str:
        """The last line that QEMU wrote to its log."""
        with suppress(FileNotFoundError):
            lines = (self.host.folder / "qemu.log").read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""

    async def _press_button(self) -> None:
        with suppress(MachineError):
            while True:
                await self.monitor.execute("system_powerdown")
                await asyncio.sleep(_BUTTON_PAUSE)

    async def _follow(self) -> None:
        async with self.monitor.events("SHUTDOWN", "RESET") as events:
            await self._note(events)

    async def _note(self, events: EventListener) -> None:
        event: Message
        async for event in events:
            data = event.get("data")
            reason = str(data.get("reason")) if isinstance(data, dict) else ""
            _LOG.info("machine %s: %s %s", self.spec.name, event["event"], reason)
            if event["event"] == "SHUTDOWN":
                self._shutdown = reason
            else:
                self.resets += 1
                self._reset_seen.set()

    async def _wait(self) -> None:
        status = await self._process.wait()
        await self._dismiss()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT):
                # QEMU's last events may still be on their way through the monitor.
                await self.monitor.close()
                await asyncio.sleep(0)
                await self.console.close()
        except Exception as error:
            # A monitor that was still being connected may refuse, or never answer; the machine has ended all the same.
            _LOG.info("%s: closing what a machine left: %r", self.spec.name, error)
        finally:
            for task in self._tasks[1:]:
                task.cancel()
            self._ended.set_result(self._end(status))

    async def _dismiss(self) -> None:
        for companion in self._companions:
            with suppress(ProcessLookupError):
                companion.kill()
            await companion.wait()

    def _end(self, status: int) -> End:
        if status < 0:
            return End(False, f"QEMU was killed by signal {-status}")
        if status:
            return End(False, f"QEMU ended with status {status}: {self.complaint() or 'no message'}")
        if self._shutdown == _SHUT_DOWN_BY_GUEST:
            return End(True, "the guest shut down")
        return End(True, "QEMU was told to quit")


async def _spawn(argv: list[str], host: Host, lines: Lines) -> asyncio.subprocess.Process:
    inside = argv if host.netns is None else netns.command(host.netns, argv)
    with (host.folder / "qemu.log").open("ab") as log:
        try:
            return await asyncio.create_subprocess_exec(
                *["setpriv", "--pdeathsig", "KILL", "--", *inside],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lines.monitor, lines.serial, lines.memory),
                cwd=host.folder,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise MachineError(f"{error.filename} is not installed") from error
