"""A guest of the lab on its own: QEMU with the image, its serial line driven by pexpect."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pexpect import fdpexpect

from lab.guest import image
from lab.nodes.machines.acceleration import accelerator
from lab.nodes.machines.cloud_init import CloudInit, write_disk
from lab.nodes.machines.command import Lines, MachineSpec, arguments
from lab.nodes.machines.memory import Memory

UUID = "6a1a24a1-4061-4607-8bf4-a3963d0c5895"
PATIENCE = 180  # seconds: for a machine that has much else to do
PROMPT = r"(?:\$|#) \x1b\[6n"
# QEMU's own network in user space: a DHCP server that needs nothing of the host.
NETWORK = ["-netdev", "user,id=net0,ipv6=off", "-device", "virtio-net-pci,netdev=net0,romfile=,host_mtu=1400"]


class Terminal:
    """A guest's serial line."""

    def __init__(self, line: socket.socket) -> None:
        self.line = fdpexpect.fdspawn(line.fileno(), timeout=PATIENCE, encoding="utf-8")

    def await_prompt(self, hostname: str) -> None:
        """Wait for ``hostname login:``."""
        self.line.expect(rf"{re.escape(hostname)} login: ")

    def log_in(self, hostname: str, user: str, password: str) -> None:
        """Wait for the prompt, and pass it."""
        self.await_prompt(hostname)
        self.line.send(f"{user}\n")
        self.line.expect("Password: ")
        self.line.send(f"{password}\n")
        self.line.expect(PROMPT)

    def run(self, command: str) -> str:
        """A command's output. Its echo cannot be taken for it: the mark is split there."""
        self.line.send(f"echo beg''in; {command}; echo 'e'nd:$?\n")
        self.line.expect(r"begin\r\n")
        self.line.expect(r"end:\d+\r\n")
        output = str(self.line.before)
        self.line.expect(PROMPT)
        return output.replace("\r\n", "\n").strip()

    def run_until(self, command: str, wanted: str) -> str:
        """Run a command again and again until ``wanted`` is in its output: for what goes on behind the prompt."""
        loop = (
            f'for i in $(seq 600); do out="$({command})"; case "$out" in *\'{wanted}\'*) break;; esac; sleep 0.1; done'
        )
        return self.run(f'{loop}; echo "$out"')


@contextmanager
def booted(folder: Path, cloud_init: CloudInit | None = None, network: bool = True) -> Iterator[Terminal]:
    """A guest that boots, with QEMU's own network; killed at the end."""
    built = image.ensure()
    disk = folder / "cidata.iso" if cloud_init else None
    if cloud_init and disk:
        write_disk(cloud_init, disk)
    spec = MachineSpec("guest", UUID, 96, 1, (), disk)
    monitor, monitor_theirs = socket.socketpair()
    serial, serial_theirs = socket.socketpair()
    memory = Memory.new(spec.memory)
    descriptors = (monitor_theirs.fileno(), serial_theirs.fileno(), memory.descriptor)
    argv = arguments(spec, built, asyncio.run(accelerator(built)), Lines(*descriptors))
    with monitor, serial, monitor_theirs, serial_theirs:
        process = subprocess.Popen([*argv, *(NETWORK if network else ())], pass_fds=descriptors)
        try:
            yield Terminal(serial)
        finally:
            process.kill()
            process.wait()
            memory.let_go()
