"""The console and the guest's verbs on a real guest, over its real serial port."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.machines.access import Credentials
from conformance.machines.console import Console, ConsoleCut
from conformance.machines.guest import Guest
from conformance.machines.shell import CommandTimedOut
from conformance.timeouts import Timeouts
from lab.nodes.machines.cloud_init import CloudInit
from tests.guest.booting import booted
from tests.machines.serial_line import PROGRAM

pytestmark = pytest.mark.guest

LIMIT = 60.0
PASSWORD = "pass: word"
USER_DATA = f'#cloud-config\nuser: fedora\npassword: "{PASSWORD}"\nchpasswd: {{expire: false}}\n'


class Relay:
    """Lets one client at a time at a serial port, as virt-handler does."""

    def __init__(self, serial: int, folder: Path) -> None:
        self.path = folder / "serial.sock"
        self._serial = serial
        self._client: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        for run in (self._accept, self._pump):
            threading.Thread(target=run, daemon=True).start()

    def cut(self) -> None:
        """Cut the client off."""
        if self._client is not None:
            self._client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            client.sendall(b"+")
            self._client = client
            threading.Thread(target=self._type, args=(client,), daemon=True).start()

    def _type(self, client: socket.socket) -> None:
        # A client that is evicted leaves by a reset: it is gone, as at its end.
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(1024):
                os.write(self._serial, data)

    def _pump(self) -> None:
        while True:
            try:
                data = os.read(self._serial, 4096)
            except OSError:
                return
            try:
                if self._client is not None:
                    self._client.sendall(data)
            except OSError:
                self._client = None


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    folder = tmp_path_factory.mktemp("guest")
    cloud_init = CloudInit(instance_id="i-1", hostname="vm-a", user_data=USER_DATA)
    with booted(folder, cloud_init) as terminal:
        yield Relay(terminal.line.child_fd, folder)


@pytest.fixture(scope="module")
def console(relay: Relay) -> Iterator[Console]:
    argv = [sys.executable, str(PROGRAM), "console", "vm-a"]
    environment = {**os.environ, "SERIAL_SOCKET": str(relay.path)}
    console = Console("ns/vm-a", argv, environment, Credentials("fedora", PASSWORD), Timeouts.load())
    yield console
    console.close()


@pytest.fixture(scope="module")
def guest(console: Console) -> Guest:
    return Guest(console, Timeouts.load())


def test_a_login_and_commands(console):
    console.login()
    assert console.run("echo one; exit 3", LIMIT).text == "one\n"
    assert PASSWORD not in console.transcript.text()


def test_long_output_wide_lines_and_long_commands(console):
    text = console.run("head -c 150000 /dev/zero | tr '\\0' 'x' | fold -w 3000", LIMIT).text
    assert text == "\n".join(["x" * 3000] * 50) or text == "\n".join(["x" * 3000] * 50) + "\n"
    script = "".join(f"echo line {number} \"$((40 + 2))\" 'it'\n" for number in range(300))
    assert console.run(script, LIMIT).lines == [f"line {number} 42 it" for number in range(300)]


def test_a_command_that_hangs_is_interrupted(console):
    with pytest.raises(CommandTimedOut):
        console.run("sleep 600", 1.0)
    assert console.run("echo after", LIMIT).text == "after\n"


def test_a_cut_in_mid_command_is_noticed_and_survived(console, relay):
    console.login()
    wire = console._wire
    assert wire is not None

    def cut_once_it_runs() -> None:
        wire.wait_for(lambda heard: b"begun\r\n" in heard or None, LIMIT)
        relay.cut()

    threading.Thread(target=cut_once_it_runs).start()
    with pytest.raises(ConsoleCut):
        console.run("echo begun; sleep 30", 600)
    assert console.run("echo back", LIMIT).text == "back\n"


def test_what_the_guest_sees_of_itself(guest):
    assert guest.wait_address()
    nic = guest.nic()
    assert (nic.addresses, nic.mtu) == (["10.0.2.15"], 1400)
    assert guest.gateways() == ("10.0.2.2",)
    assert guest.dns_servers() == ["10.0.2.3"]
    lease = guest.dhcp_lease()
    assert (lease.address, lease.routers, lease.dns_servers) == ("10.0.2.15", ("10.0.2.2",), ("10.0.2.3",))


def test_ping_counts_and_refuses_what_is_too_long(guest):
    assert guest.ping("10.0.2.2", count=2).all_answered
    assert guest.neighbour("10.0.2.2")
    assert guest.ping("10.0.2.2", count=2, packet=1400, fragment=False).all_answered
    larger = guest.ping("10.0.2.2", count=2, packet=1401, fragment=False)
    assert (larger.received, larger.too_long) == (0, True)


def test_an_address_and_a_mac_are_taken_back(guest):
    before = guest.nic()
    with guest.also_having("10.0.2.99", 24):
        assert "10.0.2.99" in guest.nic().addresses
    with guest.with_mac("02:00:00:aa:bb:cc"):
        assert guest.nic().mac == "02:00:00:aa:bb:cc"
        assert guest.gateways() == ("10.0.2.2",)
    assert guest.nic() == before


def test_a_file_is_written_whole(guest):
    text = "".join(f"{number} äöü \\ 'x' \"y\" $z\n" for number in range(300))
    guest.write("/tmp/a file", text)
    assert guest.read("/tmp/a file") == text


def test_a_reboot_gives_a_new_boot(guest):
    before = guest.boot_id()
    guest.reboot()
    assert guest.boot_id() != before
