"""A guest's shell over SSH: the second way in, for commands that a console takes too.

The server must show one of the keys that were learned over the console; the suite logs in with the run's own key. How
the server is found is the caller's: ``dial`` gives a connected socket, or what behaves like one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import paramiko

from conformance.kube.waits import Deadline
from conformance.machines.access import Credentials
from conformance.machines.host_keys import HostKey
from conformance.machines.shell import CommandTimedOut, Output, ShellError, brief
from conformance.timeouts import Timeouts

Dial = Callable[[], Any]
_CHUNK = 65536
# A key of this type may sign in several ways; its name alone is the oldest of them.
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}


class SshRefused(ShellError):
    """No login: nobody answers, the key is not the guest's, or the guest does not let us in."""


class Ssh:
    """A ``Shell`` over SSH; one command at a time, from any thread. Connects with the first command."""

    def __init__(
        self, name: str, dial: Dial, credentials: Credentials, host_keys: Sequence[HostKey], timeouts: Timeouts
    ) -> None:
        self.name = name
        self._dial = dial
        self._credentials = credentials
        self._host_keys = host_keys
        self._timeouts = timeouts
        self._transport: paramiko.Transport | None = None
        self._lock = threading.RLock()

    def run(self, command: str, timeout: float, idempotent: bool = False) -> Output:
        """Run a command; see ``Shell``. Raises ``SshRefused``, ``CommandTimedOut`` or ``ShellError`` for a cut."""
        with self._lock:
            try:
                return self._run(command, timeout)
            except (paramiko.SSHException, EOFError, OSError) as error:
                self.close()
                if not idempotent:
                    raise ShellError(f"{self.name}: the connection was cut during {brief(command)}: {error}") from error
            try:
                return self._run(command, timeout)
            except (paramiko.SSHException, EOFError, OSError) as error:
                self.close()
                raise ShellError(f"{self.name}: the connection was cut twice in {brief(command)}: {error}") from error

    def run_last(self, command: str, timeout: float) -> None:
        """Raises ``ShellError``: the next boot may have other keys, and only the console can tell them."""
        raise ShellError(f"{self.name}: reboot over the console, not over SSH: {brief(command)}")

    def close(self) -> None:
        """Let go of the connection; the next command makes a new one."""
        with self._lock:
            transport, self._transport = self._transport, None
            if transport is not None:
                transport.close()

    def _run(self, command: str, timeout: float) -> Output:
        deadline = Deadline(timeout)
        channel = self._connected().open_session(timeout=self._timeouts["ssh-open"])
        text = b""
        try:
            channel.set_combine_stderr(True)
            channel.exec_command(command)
            channel.shutdown_write()
            while True:
                channel.settimeout(max(deadline.left, 0.01))
                data = channel.recv(_CHUNK)
                if not data:
                    break
                text += data
            if not channel.status_event.wait(max(deadline.left, 0.01)):
                raise TimeoutError
            if channel.exit_status < 0:
                raise EOFError("no exit status came")
            return Output(channel.exit_status, text.decode(errors="replace"))
        except TimeoutError:
            # The server ends what runs in a session with it.
            raise CommandTimedOut(self.name, command, timeout, text.decode(errors="replace")) from None
        finally:
            channel.close()

    def _connected(self) -> paramiko.Transport:
        if self._transport is None or not self._transport.is_active():
            self.close()
            self._transport = self._open()
        return self._transport

    def _open(self) -> paramiko.Transport:
        seconds = self._timeouts["ssh-open"]
        try:
            transport = paramiko.Transport(self._dial())
        except (OSError, paramiko.SSHException) as error:
            raise SshRefused(f"{self.name}: SSH: no connection: {error}") from error
        try:
            transport.banner_timeout = transport.auth_timeout = seconds
            transport.get_security_options().key_types = self._types()
            transport.start_client(timeout=seconds)
            self._check(transport.get_remote_server_key())
            transport.auth_publickey(self._credentials.user, self._credentials.key.private)
        except (paramiko.SSHException, EOFError, OSError) as error:
            transport.close()
            raise SshRefused(f"{self.name}: SSH: no login: {error or type(error).__name__}") from error
        except BaseException:
            transport.close()
            raise
        return transport

    def _types(self) -> tuple[str, ...]:
        return tuple(name for key in self._host_keys for name in _SIGNATURES.get(key.type, (key.type,)))

    def _check(self, shown: paramiko.PKey) -> None:
        if HostKey(shown.get_name(), shown.get_base64()) not in self._host_keys:
            raise SshRefused(
                f"{self.name}: SSH: another server answered: its {shown.get_name()} key {shown.fingerprint} is not the "
                "guest's own, which its console told"
            )
