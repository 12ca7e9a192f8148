"""Machines that go on from a saved state: each is a guest of its own, and cannot tell that it did not boot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lab.guest import image
from lab.nodes.machines import migration, saved_state
from lab.nodes.machines.acceleration import accelerator
from lab.nodes.machines.command import arrival
from lab.nodes.machines.machine import Machine
from lab.nodes.machines.migration import Listener
from lab.nodes.machines.monitor import MachineError
from lab.nodes.machines.saved_state import SavedState, SavedStates
from tests.machines_lab import stage
from tests.machines_lab.conftest import Run
from tests.machines_lab.stage import Dialogue

pytestmark = pytest.mark.guest

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@asynccontextmanager
async def sibling(pod: int, folder: Path) -> AsyncIterator[tuple[Machine, Dialogue]]:
    """A machine from the saved state, logged in; killed at the end."""
    machine = await stage.start_from_saved_state(pod, folder)
    try:
        shell = Dialogue(machine.console.attach())
        await shell.log_in("secret")
        yield machine, shell
    finally:
        await machine.kill()


def test_siblings_are_guests_of_their_own(run: Run, tmp_path: Path) -> None:
    async def compare() -> None:
        async with sibling(0, tmp_path / "one") as (_, one), sibling(1, tmp_path / "other") as (_, other):
            for command in (BOOT_ID, "head -c 16 /dev/urandom | md5sum"):
                assert await one.run(command) != await other.run(command)
            for shell in (one, other):
                assert abs(int(await shell.run("date -u +%s")) - time.time()) < 3600

                assert await shell.run("hostname") == "vm1"

    run(compare())


def test_nic_and_disk_are_those_of_the_machine(run: Run, tmp_path: Path) -> None:
    async def look() -> None:
        async with sibling(0, tmp_path) as (_, shell):
            assert stage.MAC in await shell.run("ip link show eth0")
            assert f"mtu {stage.MTU}" in await shell.run("ip link show eth0")
            assert await shell.run("ls /sys/block") == "vda"

    run(look())


def test_a_reboot_is_a_boot_and_keeps_them(run: Run, tmp_path: Path) -> None:
    async def reboot() -> None:
        async with sibling(0, tmp_path) as (_, shell):
            before = await shell.run(BOOT_ID)
            await shell.client.write(b"reboot\n")
            await shell.log_in("secret")
            assert await shell.run(BOOT_ID) != before
            assert stage.MAC in await shell.run("ip link show eth0")
            assert "checkpoint" not in await shell.run("cat /proc/cmdline")

    run(reboot())


def test_it_moves_like_any_other(run: Run, tmp_path: Path) -> None:
    async def move() -> None:
        async with sibling(0, tmp_path / "source") as (machine, shell):
            before = await shell.run(BOOT_ID)
            target = await stage.start(1, tmp_path / "target", arrival(machine.memory()))
            listener = Listener.open(tmp_path / "stream.sock")
            try:
                await migration.prepare_target(target)
                receiving = asyncio.create_task(listener.receive(target))
                await migration.send(machine, tmp_path / "stream.sock", stage.PATIENCE)
                await receiving
                await migration.arrived(target)
                there = Dialogue(target.console.attach())
                assert await there.run(BOOT_ID) == before
            finally:
                listener.close()
                await target.kill()

    run(move())


def test_a_state_that_is_no_state_is_told(run: Run, tmp_path: Path) -> None:
    async def start() -> None:
        built = image.ensure()
        states = SavedStates(built, await accelerator(built))
        good = await states.of(96, 1)
        (tmp_path / "devices").write_bytes(b"nothing of the kind")
        spec, host = await stage.prepared(0, tmp_path)
        with pytest.raises(MachineError):
            await saved_state.start(spec, host, SavedState(good.memory, tmp_path / "devices"))

    run(start())
