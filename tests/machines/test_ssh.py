"""SSH against a real server on the loopback address: logins, keys, commands and cuts."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress

import paramiko
import pytest

from conformance.machines.access import Credentials
from conformance.machines.host_keys import HostKey
from conformance.machines.shell import CommandTimedOut, ShellError
from conformance.machines.ssh import Ssh, SshRefused
from conformance.timeouts import Timeouts

USER = "fedora"


class Session(paramiko.ServerInterface):
    """Lets one key in, and runs what it is told by sh."""

    def __init__(self, allowed: str) -> None:
        self._allowed = allowed

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        welcome = username == USER and self._allowed.split()[1] == key.get_base64()
        return paramiko.AUTH_SUCCESSFUL if welcome else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=_execute, args=(channel, command), daemon=True).start()
        return True


def _execute(channel: paramiko.Channel, command: bytes) -> None:
    if command == b"cut":
        channel.get_transport().close()
        return
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True)
    with suppress(OSError):
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()


class Server:
    """An SSH server until it is closed."""

    def __init__(self, allowed: str) -> None:
        self.key = paramiko.ECDSAKey.generate()
        self._allowed = allowed
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def host_key(self) -> HostKey:
        return HostKey(self.key.get_name(), self.key.get_base64())

    def dial(self) -> socket.socket:
        return socket.create_connection(self.address)

    def close(self) -> None:
        # The thread that waits on it would keep it open.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for transport in self.transports:
            transport.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                transport = paramiko.Transport(connection)
                transport.add_server_key(self.key)
                self.transports.append(transport)
                transport.start_server(event=threading.Event(), server=Session(self._allowed))


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(USER)


@pytest.fixture
def server(credentials: Credentials) -> Iterator[Server]:
    server = Server(credentials.key.public)
    yield server
    server.close()


def login(server: Server, credentials: Credentials, *host_keys: HostKey) -> Ssh:
    return Ssh("ns/vm-a", server.dial, credentials, host_keys or (server.host_key,), Timeouts.load())


def test_output_and_status_come_back(server: Server, credentials: Credentials) -> None:
    output = login(server, credentials).run("echo one; echo two >&2; exit 3", 30)
    assert (output.status, sorted(output.lines)) == (3, ["one", "two"])


def test_one_connection_carries_several_commands(server: Server, credentials: Credentials) -> None:
    shell = login(server, credentials)
    assert [shell.run("echo one", 30).text, shell.run("echo two", 30).text] == ["one\n", "two\n"]
    assert len(server.transports) == 1


def test_server_with_another_key_is_refused(server: Server, credentials: Credentials) -> None:
    stranger = paramiko.ECDSAKey.generate()
    shell = login(server, credentials, HostKey(stranger.get_name(), stranger.get_base64()))
    with pytest.raises(SshRefused, match="another server answered"):
        shell.run("true", 30)


def test_key_that_is_not_let_in_is_told(server: Server) -> None:
    with pytest.raises(SshRefused, match="no login: Authentication failed"):
        login(server, Credentials(USER)).run("true", 30)


def test_nobody_at_the_address_is_told(server: Server, credentials: Credentials) -> None:
    shell = login(server, credentials)
    server.close()
    with pytest.raises(SshRefused, match="no connection"):
        shell.run("true", 30)


def test_command_that_does_not_end_is_told(server: Server, credentials: Credentials) -> None:
    with pytest.raises(CommandTimedOut, match="`sleep 60` did not end"):
        login(server, credentials).run("sleep 60", 0.3)


def test_connection_that_is_cut_is_told_and_made_again(server: Server, credentials: Credentials) -> None:
    shell = login(server, credentials)
    with pytest.raises(ShellError, match="cut during `cut`"):
        shell.run("cut", 30)
    assert shell.run("echo back", 30).text == "back\n"


def test_private_key_stays_out_of_texts(credentials: Credentials) -> None:
    assert "PRIVATE" not in repr(credentials)
