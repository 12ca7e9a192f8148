"""A guest's memory over many moves: nothing that it wrote is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lab.nodes.machines import migration
from lab.nodes.machines.command import arrival
from lab.nodes.machines.machine import Machine
from lab.nodes.machines.memory import Memory
from lab.nodes.machines.migration import Listener
from lab.nodes.machines.monitor import MachineError
from tests.machines_lab import stage
from tests.machines_lab.conftest import Run
from tests.machines_lab.stage import Dialogue

MOVES = 12
#: What one of them finds in memory is what the other found: a page that was lost would show in a sum, or in a program.
_BUSY = "for i in 1 2; do (while :; do md5sum </bin/busybox; done) >>/run/sums 2>&1 & done"


async def moved(source: Machine, pod: int, folder: Path) -> Machine:
    target = await stage.start(pod, folder, arrival(source.memory()))
    listener = Listener.open(folder / "stream.sock")
    try:
        await migration.prepare_target(target)
        receiving = asyncio.create_task(listener.receive(target))
        await migration.send(source, folder / "stream.sock", stage.PATIENCE)
        await receiving
        await migration.arrived(target)
    finally:
        listener.close()
    await source.kill()
    return target


@pytest.mark.guest
def test_a_busy_guest_loses_nothing_on_its_way(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        machine = await stage.start_from_saved_state(0, tmp_path / "first")
        try:
            shell = Dialogue(machine.console.attach())
            await shell.log_in("secret")
            await shell.run(_BUSY)
            for number in range(MOVES):
                machine = await moved(machine, (number + 1) % 2, tmp_path / str(number))
            shell = Dialogue(machine.console.attach())
            assert (await shell.run("sort -u /run/sums | wc -l")).strip() == "1", await shell.run("sort /run/sums")
            assert not await shell.run("dmesg | grep -i -e segfault -e oops")
        finally:
            await machine.kill()

    run(scenario())


@pytest.mark.parametrize("filled", [(), (0,), (3, 5), (7,)])
def test_memory_is_copied_as_it_is(tmp_path: Path, filled: tuple[int, ...]) -> None:
    content = bytearray(8 << 20)
    saved = tmp_path / "saved"
    with saved.open("wb") as file:
        file.truncate(8 << 20)
        for place in filled:
            file.seek(place << 20)
            file.write(b"page" * 1024)
            content[place << 20 : (place << 20) + 4096] = b"page" * 1024
    memory = Memory.copied(saved)
    memory.save(tmp_path / "again")
    memory.let_go()
    assert (tmp_path / "again").read_bytes() == content


def test_memory_of_nobody_is_told() -> None:
    with pytest.raises(MachineError, match="is gone"):
        Memory.held_by(1 << 22, 3)
