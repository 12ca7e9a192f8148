"""Whether a VM is reached by a forwarded port: by virt-api for virtctl, by the kubelet of its node for kubectl."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pexpect
from pexpect.popen_spawn import PopenSpawn

from conformance.evidence import note, step
from conformance.kube.errors import Refused, Unreachable
from conformance.kube.port_forward import port_forward
from conformance.kube.waits import Deadline
from conformance.machines.vm import VirtualMachine
from conformance.traffic.listener import Listener, listening, wait_open
from conformance.traffic.probe import PORT, NotReached, Reached

ATTEMPTS = 2
_CHUNK = 4096


@dataclass(frozen=True)
class Forward:
    """A way to forward a port; ``ask(machine, port, greeting, token, seconds)`` gives what came back."""

    name: str
    ask: Callable[[VirtualMachine, int, str, str, float], str]

    def __str__(self) -> str:
        return self.name

    def reach(self, machine: VirtualMachine, port: int = PORT) -> Reached | NotReached:
        """Try until the machine itself answers, for at most the time-out ``reach``."""
        with step(f"{self} to {machine}, port {port}"), _listener(machine, port) as listener:
            deadline = Deadline(machine.access.timeouts["reach"])
            while True:
                result = self._attempt(machine, listener)
                if result or deadline.passed:
                    return result

    def try_in_vain(self, machine: VirtualMachine, port: int = PORT) -> Reached | NotReached:
        """Try a few times; over with the first answer."""
        with step(f"{self} to {machine}, port {port}, in vain"), _listener(machine, port) as listener:
            for number in range(1, ATTEMPTS + 1):
                result = self._attempt(machine, listener)
                if isinstance(result, Reached) or result.arrived:
                    break
                note(f"attempt {number} of {ATTEMPTS}: {result.why}")
            return result

    def _attempt(self, machine: VirtualMachine, listener: Listener) -> Reached | NotReached:
        wait_open(machine.guest, "tcp", listener.port)
        greeting = f"hello-{secrets.token_hex(6)}"
        said = self.ask(machine, listener.port, greeting, listener.token, machine.access.timeouts["forwarded-answer"])
        if listener.token in said:
            return Reached(f"{listener.token} received")
        return NotReached(" ".join(said.split())[:300] or "no answer", arrived=listener.heard(greeting))


def _listener(machine: VirtualMachine, port: int) -> Any:
    return listening(machine.guest, "tcp", port, machine.address)


def _ask_virtctl(machine: VirtualMachine, port: int, greeting: str, token: str, seconds: float) -> str:
    virtctl = machine.access.virtctl
    target = f"vmi/{machine.name}"
    argv = virtctl.command("port-forward", "--namespace", machine.namespace, "--stdio=true", target, str(port))
    child = PopenSpawn(argv, timeout=seconds, env=virtctl.environment, encoding="utf-8", codec_errors="replace")
    try:
        child.sendline(greeting)
        child.expect([token, pexpect.EOF, pexpect.TIMEOUT])
        return f"{child.before or ''}{child.after if isinstance(child.after, str) else ''}"
    finally:
        child.proc.kill()
        child.proc.wait()


def _ask_pod(machine: VirtualMachine, port: int, greeting: str, token: str, seconds: float) -> str:
    said = b""
    try:
        with port_forward(machine.api, machine.namespace, machine.pod.name, port) as forwarded:
            forwarded.socket.settimeout(seconds)
            try:
                forwarded.socket.sendall(f"{greeting}\n".encode())
                while token.encode() not in said and (data := forwarded.socket.recv(_CHUNK)):
                    said += data
            except OSError as error:
                said += f" {error or type(error).__name__}".encode()
            return f"{said.decode(errors='replace')} {forwarded.error}"
    except (Refused, Unreachable) as error:
        return str(error)


VIRTCTL = Forward("virtctl port-forward", _ask_virtctl)
POD = Forward("port-forward to the pod", _ask_pod)
