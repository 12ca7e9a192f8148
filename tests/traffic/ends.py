"""Two machines on one wire: real shells in network namespaces of their own, and what can be done to the wire.

The namespaces have no names and no mounts: a sleeping process holds each, and they go with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from conformance.machines.guest import Guest
from conformance.machines.shell import CommandTimedOut, Output
from conformance.timeouts import Timeouts


class NamespaceShell:
    """A shell in a network namespace, as some user's login shell would be."""

    def __init__(self, name: str, holder: int, shell: Sequence[str], path: str) -> None:
        self.name = name
        # By path: the guest's own search path may be empty.
        program = shutil.which(shell[0]) or shell[0]
        self._enter = [
            shutil.which("nsenter") or "nsenter",
            "--target",
            str(holder),
            "--net",
            program,
            *shell[1:],
            "-c",
        ]
        self._environment = {**os.environ, "PATH": path}

    def run(self, command: str, timeout: float, idempotent: bool = False) -> Output:
        process = subprocess.Popen(
            [*self._enter, command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        try:
            text, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
            raise CommandTimedOut(self.name, command, timeout, text) from None
        return Output(process.returncode, text)

    def run_last(self, command: str, timeout: float) -> None:
        raise NotImplementedError("a namespace does not boot")

    def close(self) -> None:
        pass


class End:
    """One machine on the wire."""

    node = "here"
    last_resort = ""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.migration_uid = ""
        # It tells when it is in its namespace, then waits for its input to end: with us, at the latest.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo in; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self.shell: Sequence[str] = ("busybox", "sh")
        self.path = os.environ["PATH"]
        self.timeouts = Timeouts.load()
        self._guest: Guest | None = None
        self.tell("ip link set lo up")

    def __str__(self) -> str:
        return self.name

    @property
    def pid(self) -> int:
        """Of the process that holds the namespace."""
        return self._holder.pid

    @property
    def guest(self) -> Guest:
        """Its guest, through the shell chosen for it."""
        if self._guest is None:
            self._guest = Guest(NamespaceShell(self.name, self.pid, self.shell, self.path), self.timeouts)
        return self._guest

    def use(self, shell: Sequence[str] = ("busybox", "sh"), path: str | None = None, **limits: float) -> None:
        """Be another kind of guest from here on."""
        self.shell, self.path = shell, path or f"{os.environ['PATH']}:{self.last_resort}"
        self.timeouts = Timeouts.load(overrides=limits)
        self._guest = None

    def tell(self, command: str) -> None:
        """Do something in the namespace, from outside the guest."""
        enter = ["nsenter", "--target", str(self.pid), "--net", "sh", "-c", command]
        subprocess.run(enter, check=True, capture_output=True)

    @contextmanager
    def rules(self, chain: str, *rules: str) -> Iterator[None]:
        """Filter what comes in (``input``) or goes out (``output``) for a while."""
        self.tell("nft add table ip trial")
        try:
            self.tell(f"nft add chain ip trial c '{{ type filter hook {chain} priority 0; }}'")
            for rule in rules:
                self.tell(f"nft add rule ip trial c {rule}")
            yield
        finally:
            self.tell("nft delete table ip trial")

    def processes(self) -> list[str]:
        """What still runs in the namespace, besides its holder."""
        ours = os.stat(f"/proc/{self.pid}/ns/net").st_ino
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and int(entry) != self.pid and os.stat(f"/proc/{entry}/ns/net").st_ino == ours:
                    with open(f"/proc/{entry}/cmdline") as file:
                        found.append(file.read().replace("\0", " "))
            except OSError:
                continue
        return [line for line in found if line]

    def is_quiet(self, seconds: float = 20) -> bool:
        """Whether all that a probe started is gone, soon: what was told to end may still be on its way out."""
        end = time.monotonic() + seconds
        while self.processes() and time.monotonic() < end:
            time.sleep(0.02)
        return not self.processes()

    def close(self) -> None:
        """Give the namespace up."""
        self._holder.communicate()


def wire(one: End, other: End) -> None:
    """Connect two machines."""
    one.tell(f"ip link add eth0 type veth peer name eth0 netns {other.pid}")
    for end in (one, other):
        end.tell("ip link set eth0 up mtu 1400")
        end.tell(f"ip address add {end.address}/24 dev eth0")
