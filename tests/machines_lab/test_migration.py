"""A running guest moves between two pods' namespaces, or stays where it is, and says why."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.nodes.machines import migration
from lab.nodes.machines.command import arrival
from lab.nodes.machines.machine import Machine
from lab.nodes.machines.migration import Listener, MigrationFailed
from lab.nodes.machines.monitor import MachineError
from tests.machines_lab import stage
from tests.machines_lab.conftest import Run
from tests.machines_lab.stage import Dialogue

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def source(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The guest of most tests; the one that moves it comes last."""
    machine = run(_logged_in(tmp_path_factory.mktemp("source")))
    yield machine
    run(machine.kill())


async def _logged_in(folder: Path) -> Machine:
    """A guest on the first pod with an address and a variable in its shell."""
    machine = await stage.start(0, folder)
    try:
        shell = Dialogue(machine.console.attach())
        await shell.log_in("secret")
        await shell.run(f"kept=yes; ip addr add {stage.GUEST}/24 dev eth0")
        shell.client.detach()
    except BaseException:
        await machine.kill()
        raise
    return machine


async def _answers(machine: Machine) -> bool:
    shell = Dialogue(machine.console.attach())
    said = await shell.run("echo $kept")
    shell.client.detach()
    return said == "yes"


async def _reached() -> bool:
    return " 0% packet loss" in await stage.ping(2)


async def _target(source: Machine, folder: Path) -> tuple[Machine, Listener]:
    machine = await stage.start(1, folder / "target", arrival(source.memory()))
    await migration.prepare_target(machine)
    return machine, Listener.open(folder / "stream.sock")


async def _receive(listener: Listener, machine: Machine) -> None:
    await listener.receive(machine)
    await migration.arrived(machine)


def test_nobody_awaits_the_guest(run: Run, source: Machine, tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(MigrationFailed, match="no connection to the target"):
            await migration.send(source, tmp_path / "nobody.sock", stage.PATIENCE)
        assert await _answers(source)

    run(scenario())


@pytest.mark.parametrize("fate", ["target dies", "called off", "takes too long"])
def test_migration_that_does_not_come_to_its_end(run: Run, source: Machine, tmp_path: Path, fate: str) -> None:
    async def scenario() -> None:
        target, listener = await _target(source, tmp_path)
        arriving = asyncio.create_task(_receive(listener, target))
        limit = 1.0 if fate == "takes too long" else stage.PATIENCE
        moving = asyncio.create_task(_held(source, tmp_path, limit))
        await asyncio.wait_for(_begun(source), stage.PATIENCE)
        if fate == "target dies":
            await target.kill()
            await source.monitor.execute("migrate-continue", state="pre-switchover")
        elif fate == "called off":
            await migration.cancel(source)
        with pytest.raises(MigrationFailed):
            await moving
        with pytest.raises(MachineError):
            await asyncio.wait_for(arriving, stage.PATIENCE)
        listener.close()
        await asyncio.wait_for(target.ended(), stage.PATIENCE)
        assert await _answers(source)
        assert await _reached()

    run(scenario())


def test_guest_moves_with_its_shell_and_its_address(run: Run, source: Machine, tmp_path: Path) -> None:
    async def scenario() -> None:
        assert await _reached()
        target, listener = await _target(source, tmp_path)
        arriving = asyncio.create_task(_receive(listener, target))
        transfer = await migration.send(source, tmp_path / "stream.sock", stage.PATIENCE)
        await arriving
        listener.close()
        assert transfer.bytes < 10e6, "the guest's memory was copied"
        assert transfer.downtime <= transfer.total
        assert (await source.quit()).clean
        assert await _answers(target)
        assert await _reached()
        assert (await target.power_down(stage.PATIENCE)).why == "the guest shut down"

    run(scenario())


def test_source_dies_on_the_way(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        source = await stage.start(0, tmp_path / "source")  # that its guest still boots does not matter
        target, listener = await _target(source, tmp_path)
        arriving = asyncio.create_task(_receive(listener, target))
        moving = asyncio.create_task(_held(source, tmp_path, stage.PATIENCE))
        await asyncio.wait_for(_begun(source), stage.PATIENCE)
        await source.kill()
        with pytest.raises(MachineError):
            await moving
        with pytest.raises(MachineError):
            await asyncio.wait_for(arriving, stage.PATIENCE)
        listener.close()
        await asyncio.wait_for(target.ended(), stage.PATIENCE)

    run(scenario())


def _held(source: Machine, folder: Path, limit: float) -> Coroutine[Any, Any, Any]:
    """A migration that waits before the guest changes sides, until it is told to go on."""

    async def move() -> None:
        migration.CAPABILITIES["pause-before-switchover"] = True
        try:
            await migration.send(source, folder / "stream.sock", limit)
        finally:
            migration.CAPABILITIES["pause-before-switchover"] = False

    return move()


async def _begun(source: Machine) -> None:
    async with source.monitor.events("MIGRATION") as events:
        async for event in events:
            if event["data"]["status"] == "pre-switchover":  # type: ignore[index,call-overload]
                return
