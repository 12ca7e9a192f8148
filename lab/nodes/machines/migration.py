"""Moves a running guest from one QEMU to another, live.

Both ends hold the guest's memory (``memory.py`` says why it is not copied). The guest stops for the rest of its state,
some ten milliseconds. The source waits for the target's word (return path) before it counts the move as done, so never
both of them run the guest. The stream goes over a unix socket, made by the processes of the nodes and passed to QEMU.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.nodes.machines.machine import Machine
from lab.nodes.machines.monitor import MachineError

# Memory is shared by the two ends: only the rest of the state goes through the stream.
CAPABILITIES = {"events": True, "return-path": True, "x-ignore-shared": True}
PARAMETERS = {"downtime-limit": 100, "max-bandwidth": 4 << 30}
_OVER = frozenset({"completed", "failed", "cancelled"})
_STREAM = "migration"


class MigrationFailed(Exception):
    """A migration did not come to its end; the guest runs where it ran."""


@dataclass(frozen=True)
class Transfer:
    """What a move took, by QEMU's own account."""

    total: float
    """Seconds."""
    downtime: float
    """Seconds during which no processor of the guest ran."""
    bytes: int


class Listener:
    """A socket at which the stream of one guest is awaited."""

    def __init__(self, path: Path, server: socket.socket) -> None:
        self._path = path
        self._server = server

    @classmethod
    def open(cls, path: Path) -> Listener:
        """Listen at ``path``; ``OSError`` if that cannot be."""
        path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            server.bind(str(path))
            server.listen(1)
        except OSError:
            server.close()
            raise
        return cls(path, server)

    async def receive(self, machine: Machine) -> None:
        """Wait for the source's connection and give it to ``machine``, which was started ``incoming``."""
        connection, _ = await asyncio.get_running_loop().sock_accept(self._server)
        with connection:
            await machine.monitor.pass_descriptor(_STREAM, connection.fileno())
            await machine.monitor.execute("migrate-incoming", uri=f"fd:{_STREAM}")

    def close(self) -> None:
        """Give the place up."""
        self._server.close()
        self._path.unlink(missing_ok=True)


async def prepare_target(machine: Machine, announce: bool = True) -> None:
    """Ready a machine started ``incoming``; without ``announce`` it will not tell the network where it is."""
    await _set_up(machine)
    if not announce:
        await machine.monitor.execute("migrate-set-parameters", **{"announce-rounds": 0})


async def announce(machine: Machine) -> None:
    """Tell the network where the guest is: RARP on each NIC."""
    parameters = {"initial": 50, "max": 550, "rounds": 5, "step": 100}
    await machine.monitor.execute("announce-self", **parameters)


async def arrived(machine: Machine) -> None:
    """Return when the guest is wholly on the target; :class:`MachineError` if its QEMU ends before."""
    async with machine.monitor.events("MIGRATION") as events:
        info = await machine.monitor.execute("query-migrate")
        if info.get("status") == "completed":
            return
        over = asyncio.create_task(_end_of(events))
        ended = asyncio.create_task(machine.ended())
        try:
            await asyncio.wait({over, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done() or over.result() != "completed":
                raise MachineError(f"the target ended before the guest arrived: {(await machine.kill()).why}")
        finally:
            over.cancel()
            ended.cancel()


async def send(machine: Machine, path: Path, limit: float) -> Transfer:
    """Move the guest of ``machine`` to the listener at ``path``; it is paused here when this returns.

    Raises :class:`MigrationFailed` with the reason, the guest running as before; :class:`MachineError` when the
    source's own QEMU is gone.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as connection:
        try:
            async with asyncio.timeout(limit):
                await asyncio.get_running_loop().sock_connect(connection, str(path))
        except (OSError, TimeoutError) as error:
            raise MigrationFailed(f"no connection to the target: {error or 'time is up'}") from error
        await machine.monitor.pass_descriptor(_STREAM, connection.fileno())
    await _set_up(machine)
    ran = bool((await machine.monitor.execute("query-status"))["running"])
    async with machine.monitor.events("MIGRATION") as events:
        await machine.monitor.execute("migrate", uri=f"fd:{_STREAM}")
        status = await await_end(machine, events, limit)
    return await _outcome(machine, status, ran)


async def cancel(machine: Machine) -> None:
    """Call a migration off; :func:`send` then raises."""
    await machine.monitor.execute("migrate_cancel")


async def set_capabilities(machine: Machine, wanted: Mapping[str, bool]) -> None:
    """Switch QEMU's ways of migrating on or off."""
    capabilities = [{"capability": name, "state": state} for name, state in wanted.items()]
    await machine.monitor.execute("migrate-set-capabilities", capabilities=capabilities)


async def set_speed(machine: Machine) -> None:
    """Let the stream flow as fast as it can."""
    await machine.monitor.execute("migrate-set-parameters", **PARAMETERS)


async def _set_up(machine: Machine) -> None:
    await set_capabilities(machine, CAPABILITIES)
    await set_speed(machine)


async def await_end(machine: Machine, events: Any, limit: float) -> str:
    """How a stream ended (``completed``, ``failed``, ``cancelled``), by the MIGRATION events of ``machine``.

    Raises :class:`MigrationFailed` after ``limit`` seconds, :class:`MachineError` when QEMU ends.
    """
    ended = asyncio.create_task(machine.ended())
    over = asyncio.create_task(_end_of(events))
    try:
        done, _ = await asyncio.wait({ended, over}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if over in done:
            return over.result()
        if ended in done:
            raise MachineError(f"the source ended during the migration: {ended.result().why}")
        await cancel(machine)
        await over
        raise MigrationFailed(f"not done after {limit:.0f} s; called off")
    finally:
        ended.cancel()
        over.cancel()


async def _end_of(events: Any) -> str:
    async for event in events:
        status = str(event["data"]["status"])
        if status in _OVER:
            return status
    return "failed"


async def _outcome(machine: Machine, status: str, ran: bool) -> Transfer:
    info = await machine.monitor.execute("query-migrate")
    if status == "completed":
        return Transfer(info["total-time"] / 1000, info["downtime"] / 1000, info["ram"]["transferred"])
    # QEMU lets the guest go on by itself when a migration fails; after a failure at the very end it may not.
    if ran and not (await machine.monitor.execute("query-status"))["running"]:
        await machine.resume()
    raise MigrationFailed("called off" if status == "cancelled" else info.get("error-desc") or "QEMU gave no reason")
