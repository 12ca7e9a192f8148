"""A serial line with a real shell at its end, and a program that goes to it as ``virtctl console`` does.

Nothing here imitates a guest's answers: a real busybox shell sits on a real terminal, behind a login.
"""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from conformance.machines.access import Credentials
from conformance.machines.console import Console
from conformance.timeouts import Timeouts

PROGRAM = Path(__file__).with_name("virtctl_program.py")
LOGIN = """
printf '%s' "$NOISE"
while :; do
    printf '\\r\\nWelcome to the guest\\r\\n%s login: ' guest
    read -r user || exit
    if [ -n "$PASSWORD" ]; then
        stty -echo
        printf 'Password: '
        read -r given
        stty echo
        printf '\\r\\n'
    fi
    if [ "$user" = "$LOGIN_USER" ] && [ "$given" = "$PASSWORD" ]; then
        echo 'Last login: Fri Nov 20 16:02:12 UTC 2026 on ttyS0'
        eval "$SHELL_COMMAND"
    else
        echo 'Login incorrect'
    fi
done
"""


class SerialLine:
    """The guest's end of the line; one client at a time, a second one evicts the first."""

    def __init__(
        self,
        folder: Path,
        user: str = "fedora",
        password: str = "pa55-word&x",
        shell: str = "PS1='~ # ' busybox sh -i",
        noise: str = "",
    ) -> None:
        self.user, self.password, self.shell, self.noise = user, password, shell, noise
        self.socket = folder / "serial.sock"
        self.clients = 0
        self.refusals = 0
        self.seen = bytearray()
        self._client: socket.socket | None = None
        self._lock = threading.Lock()
        self._boot()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """What the program needs to find the line."""
        return {**os.environ, "SERIAL_SOCKET": str(self.socket)}

    def console(self, timeouts: Timeouts, credentials: Credentials | None = None, **options: object) -> Console:
        """A console on the line."""
        argv = [sys.executable, str(PROGRAM), "console", "guest", "--namespace", "tenant"]
        who = credentials or Credentials(self.user, self.password or None)
        return Console("tenant/guest", argv, self.environment(), who, timeouts, **options)  # type: ignore[arg-type]

    def cut(self) -> None:
        """Cut the client's connection."""
        with self._lock:
            if self._client is not None:
                self._client.shutdown(socket.SHUT_RDWR)

    def inject(self, text: bytes) -> None:
        """Something that the kernel writes to the line by itself."""
        with self._lock:
            if self._client is not None:
                self._client.sendall(text)

    def reboot(self) -> None:
        """End the shell and begin anew at the login."""
        self._halt()
        self._boot()

    def close(self) -> None:
        """End everything."""
        self._halt()
        self._listener.close()
        self.cut()

    def _halt(self) -> None:
        """End every process of the guest: all are of the session that the login leads."""
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                session = int(entry.read_text().rpartition(")")[2].split()[3])
                if session == self._login.pid:
                    os.kill(int(entry.parent.name), signal.SIGKILL)
        self._login.wait()

    def _boot(self) -> None:
        self._terminal, theirs = pty.openpty()
        environment = {
            **os.environ,
            "LOGIN_USER": self.user,
            "PASSWORD": self.password,
            "SHELL_COMMAND": self.shell,
            "NOISE": self.noise,
        }
        self._login = subprocess.Popen(
            ["setsid", "--ctty", "busybox", "sh", "-c", LOGIN],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
        )
        os.close(theirs)
        threading.Thread(target=self._pump, args=(self._terminal,), daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusals:
                self.refusals -= 1
                client.close()
                continue
            client.sendall(b"+")
            with self._lock:
                if self._client is not None:
                    self._client.close()
                self._client = client
                self.clients += 1
            threading.Thread(target=self._type, args=(client,), daemon=True).start()

    def _type(self, client: socket.socket) -> None:
        while True:
            try:
                data = client.recv(1024)
                if not data:
                    return
                self.seen += data
                os.write(self._terminal, data)
            except OSError:
                return

    def _pump(self, terminal: int) -> None:
        while True:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                os.close(terminal)
                return
            with self._lock:
                client = self._client
            if client is not None:
                try:
                    client.sendall(data)
                except OSError:
                    continue
