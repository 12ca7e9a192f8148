"""One machine in a pod's namespace: its place on the network, its console, its ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import netns
from lab.nodes.machines import plumbing
from lab.nodes.machines.command import MachineSpec, Nic
from lab.nodes.machines.machine import Machine
from lab.nodes.machines.monitor import MachineError
from lab.nodes.machines.plumbing import Cable
from tests.machines_lab import stage
from tests.machines_lab.conftest import Run
from tests.machines_lab.stage import Dialogue

pytestmark = pytest.mark.guest

_ORPHAN = """
import asyncio, sys
from pathlib import Path
from tests.machines_lab import stage
async def main():
    machine = await stage.start(1, Path(sys.argv[1]))
    print(machine.pid, flush=True)
    await machine.ended()
stage.PODS = tuple(sys.argv[2:])
asyncio.run(main())
"""


@dataclass
class LoggedIn:
    """A machine with a shell on its console."""

    machine: Machine
    shell: Dialogue


@pytest.fixture(scope="module")
def guest(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggedIn]:
    """A guest with an address by DHCP, logged in."""
    folder = tmp_path_factory.mktemp("machine")
    leases = stage.serve_leases(folder)

    async def start() -> LoggedIn:
        machine = await stage.start(0, folder)
        shell = Dialogue(machine.console.attach())
        await shell.log_in("secret")
        return LoggedIn(machine, shell)

    try:
        started = run(start())
        yield started
        run(started.machine.kill())
    finally:
        leases.kill()
        leases.wait()


def test_guest_takes_the_place_of_its_pods_nic(run: Run, guest: LoggedIn) -> None:
    wait = "for i in $(seq 100); do grep -q name /etc/resolv.conf && break; sleep 0.1; done"
    addresses = run(guest.shell.run(f"{wait}; ip addr show dev eth0"))
    assert f"inet {stage.GUEST}/24" in addresses
    assert f"mtu {stage.MTU}" in addresses
    routes = run(guest.shell.run("ip route"))
    assert f"default via {stage.PEER_ADDRESS} dev eth0" in routes
    assert "192.0.2.0/24 via 10.9.0.9 dev eth0" in routes
    assert run(guest.shell.run("cat /etc/resolv.conf")) == "nameserver 10.9.0.53"
    assert " 0% packet loss" in run(stage.ping(3))
    assert stage.MAC in run(stage.at_peer("ip", "neigh"))
    left = run(netns.inside(stage.PODS[0], lambda links: [a.get_attr("IFA_ADDRESS") for a in links.get_addr()]))
    assert stage.GUEST not in left


def test_second_client_evicts_the_first(run: Run, guest: LoggedIn) -> None:
    async def scenario() -> Dialogue:
        first = guest.shell.client
        second = guest.machine.console.attach()
        assert await first.read() == b""
        assert first.evicted
        with pytest.raises(ConnectionError, match="another client"):
            await first.write(b"hello\n")
        first.detach()  # late: the console is not taken from the second
        return Dialogue(second)

    guest.shell = run(scenario())
    assert run(guest.shell.run("echo still here")) == "still here"


def test_output_that_nobody_reads_is_logged(run: Run, guest: LoggedIn) -> None:
    async def scenario() -> Dialogue:
        await guest.shell.client.write(b"(sleep 0.3; echo un''read > /dev/console) &\n")
        await guest.shell.expect(rb"6n")
        guest.shell.client.detach()
        log = guest.machine.host.folder / "console.log"
        async with asyncio.timeout(stage.PATIENCE):
            while b"unread" not in log.read_bytes():  # noqa: ASYNC110 - the file is what is asked
                await asyncio.sleep(0.05)
        return Dialogue(guest.machine.console.attach())

    guest.shell = run(scenario())
    assert run(guest.shell.run("echo again")) == "again"


def test_pause_stops_the_guest_and_resume_lets_it_go_on(run: Run, guest: LoggedIn) -> None:
    run(guest.machine.pause())
    assert "100% packet loss" in run(stage.ping(1, wait=1))
    run(guest.machine.resume())
    assert " 0% packet loss" in run(stage.ping(1))


def test_reboot_from_inside_is_a_reset_and_keeps_the_machine(run: Run, guest: LoggedIn) -> None:
    async def scenario() -> tuple[str, str]:
        before = await guest.shell.run("cat /proc/sys/kernel/random/boot_id")
        reset = asyncio.create_task(guest.machine.next_reset())
        await asyncio.sleep(0)
        await guest.shell.client.write(b"reboot\n")
        async with asyncio.timeout(stage.PATIENCE):
            await reset
        await guest.shell.log_in("secret")
        return before, await guest.shell.run("cat /proc/sys/kernel/random/boot_id")

    before, after = run(scenario())
    assert before != after
    assert guest.machine.running


def test_power_button_ends_the_guest_cleanly(run: Run, guest: LoggedIn) -> None:
    end = run(guest.machine.power_down(stage.PATIENCE))
    assert end.clean
    assert end.why == "the guest shut down"
    with pytest.raises(ConnectionError, match="closed"):
        guest.machine.console.attach()
    with pytest.raises(MachineError, match="gone"):
        run(guest.machine.pause())


def test_crash_is_no_clean_end(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        machine = await stage.start(0, tmp_path)
        os.kill(machine.pid, signal.SIGKILL)
        end = await machine.ended()
        assert not end.clean
        assert "signal 9" in end.why

    run(scenario())


def test_machine_dies_with_its_owner(run: Run, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _ORPHAN, str(tmp_path), *stage.PODS]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as owner:
        assert owner.stdout is not None
        qemu = int(owner.stdout.readline())
        handle = os.pidfd_open(qemu)
        owner.kill()

    async def gone() -> None:
        event = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, event.set)
        async with asyncio.timeout(stage.PATIENCE):
            await event.wait()
        asyncio.get_running_loop().remove_reader(handle)

    run(gone())
    os.close(handle)


def test_what_qemu_complains_of_is_told(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        good = await stage.start(0, tmp_path)
        await good.kill()
        spec = MachineSpec("vm1", stage.UUID, 96, 1, (Nic("no such tap, surely", stage.MAC, stage.MTU),))
        with pytest.raises(MachineError, match=r"machine vm1: qemu-system-x86_64: .*tap"):
            await Machine.start(spec, good.host)

    run(scenario())


def test_pod_without_the_nic(run: Run) -> None:
    with pytest.raises(LookupError, match="no interface net7"):
        run(plumbing.lay(stage.PODS[1], [Cable("net7", 1400)]))


def test_names_of_links_are_short_enough() -> None:
    cable = Cable("podb8c5bb2eb5a", 1400)
    assert len(cable.tap) == len(cable.bridge) == 15
    assert cable.tap != Cable("podb8c5bb2eb5b", 1400).tap
