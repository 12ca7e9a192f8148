"""Instant start: a guest booted once, up to where it would look for its disk and NICs, and saved; others start there.

The guest stops at its checkpoint (``/etc/init.d/rcS``), its memory goes to a file and the rest of its state beside it.
A machine that starts from there is given a copy of the memory, reads the rest, gets its disk and NICs by hot-plug, and
is told on its serial line how many there are, and the time. Then it goes on as any guest does: reads its cloud-init
disk, asks for its address. What siblings would have in common is mended: the clock is set, and the random numbers are
seeded anew by the processor.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.config import CACHE
from lab.guest.image import GuestImage
from lab.nodes.machines import command, migration
from lab.nodes.machines.acceleration import Accelerator
from lab.nodes.machines.command import CHECKPOINT, REHEARSAL, Beginning, Lines, MachineSpec
from lab.nodes.machines.machine import Host, Machine
from lab.nodes.machines.memory import Memory
from lab.nodes.machines.monitor import MachineError

_LOG = logging.getLogger(__name__)
_NOBODY = "00000000-0000-0000-0000-000000000000"
_BOOT_LIMIT = 60.0  # seconds to the checkpoint, on a machine that has much else to do
_LOAD_LIMIT = 30.0
_STREAM = "state"
# Memory stays where it is: only the devices' state goes through the stream.
_CAPABILITIES = {"events": True, "x-ignore-shared": True}


@dataclass(frozen=True)
class SavedState:
    """A guest at its checkpoint."""

    memory: Path
    devices: Path


class SavedStates:
    """The saved states of one guest image: made when first asked for, kept beside the image for every lab."""

    def __init__(self, image: GuestImage, accelerator: Accelerator, cache: Path = CACHE) -> None:
        self._image = image
        self._accelerator = accelerator
        self._cache = cache
        self._making = asyncio.Lock()

    async def of(self, memory: int, processors: int) -> SavedState:
        """That of machines with so many MiB and processors; :class:`MachineError` if it cannot be made."""
        spec = MachineSpec("saved", _NOBODY, memory, processors, ())
        folder = self._image.kernel.parent / f"saved-{await self._key(spec)}"
        async with self._making:
            if not folder.is_dir():
                async with _alone(self._cache / "saved.lock"):
                    if not folder.is_dir():
                        await self._make(spec, folder)
        return _in(folder)

    async def _key(self, spec: MachineSpec) -> str:
        beginning = Beginning(parts=REHEARSAL, words=(CHECKPOINT,))
        argv = command.arguments(spec, self._image, self._accelerator, Lines(0, 0, 0), beginning)
        program = shutil.which(command.QEMU)
        stamp = os.stat(program).st_mtime_ns if program else 0
        return hashlib.sha256(json.dumps([argv, stamp]).encode()).hexdigest()[:12]

    async def _make(self, spec: MachineSpec, folder: Path) -> None:
        draft = Path(tempfile.mkdtemp(prefix="saved-draft-", dir=folder.parent))
        try:
            saved = _in(draft)
            beginning = Beginning(parts=REHEARSAL, words=(CHECKPOINT,))
            machine = await Machine.start(spec, Host(self._image, self._accelerator, None, draft), beginning)
            try:
                await _checkpoint(machine)
                await _unplug(machine)
                await _save(machine, saved)
            finally:
                await machine.kill()
            os.rename(draft, folder)
            _LOG.info("a guest of %d MiB was saved at its checkpoint", spec.memory)
        except OSError as error:
            raise MachineError(f"no state can be saved at {folder}: {error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)


async def start(spec: MachineSpec, host: Host, saved: SavedState) -> Machine:
    """A machine that goes on from a saved state, its disk and NICs plugged; :class:`MachineError` says why not."""
    memory = await asyncio.to_thread(Memory.copied, saved.memory)
    machine = await Machine.start(spec, host, Beginning(incoming=True, halted=True, memory=memory, parts=()))
    try:
        async with asyncio.timeout(_LOAD_LIMIT):
            await _load(machine, saved.devices)
            await _plug(machine)
            await machine.console.tell(f"{len(spec.nics)} {int(spec.disk is not None)} {time.time():.0f}\n".encode())
            if not spec.paused:
                await machine.resume()
    except TimeoutError as error:
        await machine.kill()
        raise MachineError(f"machine {spec.name}: its saved state is not loaded after {_LOAD_LIMIT:.0f} s") from error
    except BaseException:
        await machine.kill()
        raise
    return machine


def _in(folder: Path) -> SavedState:
    return SavedState(folder / "memory", folder / "devices")


@asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    with path.open("w") as handle:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        yield


async def _checkpoint(machine: Machine) -> None:
    console, said = machine.console.attach(), b""
    try:
        async with asyncio.timeout(_BOOT_LIMIT):
            while CHECKPOINT.encode() not in said:
                data = await console.read()
                if not data:
                    raise MachineError(f"a guest to be saved ended: {said.decode(errors='replace')[-200:]}")
                said += data
    except TimeoutError as error:
        raise MachineError(f"a guest to be saved is not at its checkpoint after {_BOOT_LIMIT:.0f} s") from error
    finally:
        console.detach()


async def _save(machine: Machine, saved: SavedState) -> None:
    await machine.pause()
    await _set_up(machine)
    with saved.devices.open("wb") as file:
        await machine.monitor.pass_descriptor(_STREAM, file.fileno())
        async with machine.monitor.events("MIGRATION") as events:
            await machine.monitor.execute("migrate", uri=f"fd:{_STREAM}")
            await migration.await_end(machine, events, _BOOT_LIMIT)
    memory = machine.memory()
    try:
        await asyncio.to_thread(memory.save, saved.memory)
    finally:
        memory.let_go()
    await machine.quit()


async def _unplug(machine: Machine) -> None:
    """Take the rehearsal's devices from the guest."""
    parts = {part.device["id"] for part in REHEARSAL}
    async with machine.monitor.events("DEVICE_DELETED") as events:
        for part in parts:
            await machine.monitor.execute("device_del", id=part)
        async with asyncio.timeout(_BOOT_LIMIT):
            async for event in events:
                data = event.get("data")
                parts.discard(data.get("device") if isinstance(data, dict) else None)
                if not parts:
                    return


async def _load(machine: Machine, devices: Path) -> None:
    await _set_up(machine)
    with devices.open("rb") as file:
        await machine.monitor.pass_descriptor(_STREAM, file.fileno())
        await machine.monitor.execute("migrate-incoming", uri=f"fd:{_STREAM}")
        await migration.arrived(machine)


async def _plug(machine: Machine) -> None:
    monitor = machine.monitor
    for part in command.parts(machine.spec):
        await monitor.execute("netdev_add" if part.option == "-netdev" else "blockdev-add", **part.backend)
        await monitor.execute("device_add", **part.device)


async def _set_up(machine: Machine) -> None:
    await migration.set_capabilities(machine, _CAPABILITIES)
    await migration.set_speed(machine)
