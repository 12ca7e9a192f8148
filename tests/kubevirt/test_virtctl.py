"""The real virtctl (where there is one) and its stand-in against virt-api, through a real API server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from lab.client import Client
from lab.controllers.kubevirt import conditions
from tests.kubevirt.cluster import MIGRATIONS, NAMESPACE, VMIS, VMS, Nodes, in_phase, printed, running_vm, until, vm
from tests.kubevirt.conftest import Run

STAND_IN = (sys.executable, "-m", "lab.virtctl")
REAL = os.environ.get("VIRTCTL") or shutil.which("virtctl")
ESCAPE = "\x1d"
TIMEOUT = 60

Virtctl = tuple[str, ...]


@pytest.fixture(params=["stand-in", "real"])
def virtctl(request: pytest.FixtureRequest) -> Virtctl:
    """The command to begin with."""
    if request.param == "stand-in":
        return STAND_IN
    if not REAL:
        pytest.skip("virtctl is neither on PATH nor named by VIRTCTL")
    return (REAL,)


@pytest.fixture
def options(state: Path) -> Virtctl:
    """Options that lead to the cluster of this test."""
    return ("--kubeconfig", str(state / "kubeconfig"), "-n", NAMESPACE)


def call(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)


def done(result: subprocess.CompletedProcess[str]) -> str:
    """The output of a command that succeeded."""
    assert result.returncode == 0, result.stderr
    return result.stdout


def name_for(virtctl: Virtctl, base: str) -> str:
    """A name that both commands do not share."""
    return base + ("-s" if virtctl == STAND_IN else "-r")


def wait(run: Run, resource: object, name: str, met: object) -> None:
    """Wait in the cluster."""

    async def scenario(client: Client, nodes: Nodes) -> None:
        await until(client, resource, name, met)  # type: ignore[arg-type]

    run(scenario)


def make_running(run: Run, name: str) -> None:
    """A running VM."""

    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, name)

    run(scenario)


def test_a_life(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    name = name_for(virtctl, "life")

    async def make(client: Client, nodes: Nodes) -> None:
        await client.create(VMS, vm(name, "Halted"))
        await until(client, VMS, name, printed("Stopped"))

    run(make)
    assert done(call(*virtctl, *options, "start", name)) == f"VM {name} was scheduled to start\n"
    wait(run, VMS, name, printed("Running"))
    refused = call(*virtctl, *options, "start", name)
    assert refused.returncode == 1
    assert (
        f'Operation cannot be fulfilled on virtualmachine.kubevirt.io "{name}": VM is already running' in refused.stderr
    )
    uids: list[str] = []

    async def note(client: Client, nodes: Nodes) -> None:
        uids.append((await client.get(VMIS, name, NAMESPACE))["metadata"]["uid"])

    run(note)
    assert done(call(*virtctl, *options, "restart", name)) == f"VM {name} was scheduled to restart\n"
    wait(run, VMIS, name, lambda obj: obj["metadata"]["uid"] != uids[0])
    wait(run, VMS, name, lambda obj: printed("Running")(obj) and not obj["status"].get("stateChangeRequests"))
    assert done(call(*virtctl, *options, "migrate", name)) == f"VM {name} was scheduled to migrate\n"

    async def moved(client: Client, nodes: Nodes) -> None:
        found = (await client.list(MIGRATIONS, NAMESPACE, f"kubevirt.io/vmi-name={name}"))["items"]
        assert len(found) == 1
        assert found[0]["metadata"]["name"].startswith("kubevirt-migrate-vm-")
        await until(client, MIGRATIONS, found[0]["metadata"]["name"], in_phase("Succeeded"))

    run(moved)
    assert done(call(*virtctl, *options, "pause", "vm", name)) == f"VMI {name} was scheduled to pause\n"
    wait(run, VMS, name, printed("Paused"))
    assert "VMI is already paused" in call(*virtctl, *options, "pause", "vm", name).stderr
    assert done(call(*virtctl, *options, "unpause", "vm", name)) == f"VMI {name} was scheduled to unpause\n"
    wait(run, VMS, name, printed("Running"))
    assert done(call(*virtctl, *options, "stop", name)) == f"VM {name} was scheduled to stop\n"
    wait(run, VMS, name, printed("Stopped"))
    assert "does not support manual restart requests" in call(*virtctl, *options, "restart", name).stderr


def test_force_stop_shortens_the_grace(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    name = name_for(virtctl, "force")
    make_running(run, name)
    done(call(*virtctl, *options, "stop", name, "--force", "--grace-period=0"))
    wait(run, VMS, name, printed("Stopped"))

    async def graces(client: Client, nodes: Nodes) -> None:
        assert nodes.graces[name] == 1  # seconds; 0 would take the pod out of the API at once

    run(graces)


def test_what_is_not_there(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    for command in ("start", "stop", "restart", "migrate"):
        result = call(*virtctl, *options, command, "nobody")
        assert result.returncode == 1
        assert 'virtualmachine.kubevirt.io "nobody" not found' in result.stderr
    result = call(*virtctl, *options, "console", "nobody")
    assert result.returncode == 1
    assert 'virtualmachineinstance.kubevirt.io "nobody" not found' in result.stderr


def test_the_versions(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    result = call(*virtctl, *options, "version")
    assert result.returncode == 0, result.stderr
    told = result.stdout + result.stderr
    assert 'Server Version: version.Info{GitVersion:"v1.8.0+lab"' in told
    assert 'Client Version: version.Info{GitVersion:"v' in told


def open_console(virtctl: Virtctl, options: Virtctl, name: str) -> pexpect.spawn[str]:
    """A console on a terminal of its own, at the guest's prompt."""
    command = [*virtctl, *options, "console", name]
    console = pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=TIMEOUT)
    console.expect_exact(f"Successfully connected to {name} console.")
    console.expect_exact("guest login: ")
    return console


def exit_status(console: pexpect.spawn[str]) -> int | None:
    """How the command ended."""
    console.expect(pexpect.EOF)
    console.close()
    return console.exitstatus


def test_a_console_on_a_terminal(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    name = name_for(virtctl, "talk")
    make_running(run, name)
    console = open_console(virtctl, options, name)
    console.send("hällo\r")
    console.expect_exact("<hällo\r>")
    console.send(ESCAPE)
    assert exit_status(console) == 0
    console = open_console(virtctl, options, name)
    console.send("bye")
    assert exit_status(console) == 0
    console = open_console(virtctl, options, name)
    console.send("cut")
    console.expect_exact("You were disconnected from the console.")
    console.expect_exact("close 1006")
    assert exit_status(console) == 1


def test_the_banner_is_not_of_the_guest(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    name = name_for(virtctl, "pipe")
    make_running(run, name)
    with subprocess.Popen(
        [*virtctl, *options, "console", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as console:
        assert console.stdin is not None
        assert console.stdout is not None
        assert console.stderr is not None
        assert console.stdout.read(len("guest login: ")) == b"guest login: "
        console.stdin.write(b"bye")
        console.stdin.flush()
        assert console.wait(TIMEOUT) == 0
        assert (
            console.stderr.read()
            .decode()
            .endswith(f"Successfully connected to {name} console. Press Ctrl+] or Ctrl+5 to exit console.\n")
        )


def test_a_console_of_a_failed_instance_is_refused(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    name = name_for(virtctl, "broken")

    async def make(client: Client, nodes: Nodes) -> None:
        await client.create(VMS, vm(name, "Manual"))
        await client.patch(
            VMS, name, NAMESPACE, {"status": {"stateChangeRequests": [{"action": "Start"}]}}, subresource="status"
        )
        vmi = await until(client, VMIS, name, lambda obj: conditions.holds(obj, "Ready"))
        await nodes.end(vmi, "Failed")
        await until(client, VMIS, name, in_phase("Failed"))

    run(make)
    result = call(*virtctl, *options, "console", name)
    assert result.returncode == 1
    assert "VMI is in failed status" in result.stderr


def test_a_port_is_forwarded_to_standard_in_and_output(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    name = name_for(virtctl, "forwarded")
    make_running(run, name)  # its address is the loopback's: see Nodes
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        with subprocess.Popen(
            [*virtctl, *options, "port-forward", "--stdio=true", f"vmi/{name}", port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as forward:
            assert forward.stdin is not None
            assert forward.stdout is not None
            connection, _ = server.accept()
            with connection:
                forward.stdin.write(b"there")
                forward.stdin.flush()
                assert connection.recv(5) == b"there"
                connection.sendall(b"back")
                assert forward.stdout.read(4) == b"back"
            forward.wait(TIMEOUT)


def test_a_port_that_nobody_listens_on_is_told(run: Run, virtctl: Virtctl, options: Virtctl) -> None:
    name = name_for(virtctl, "silent")
    make_running(run, name)
    result = call(*virtctl, *options, "port-forward", "--stdio=true", f"vmi/{name}", "1")
    assert result.returncode == 1
    assert "dialing VM: dial tcp 127.0.0.1:1: connect: connection refused" in result.stderr
