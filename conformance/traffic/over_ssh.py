"""Whether SSH leads to a VM: to that very boot of its guest, not merely to somebody's SSH server."""

from __future__ import annotations

from typing import Any

import paramiko

from conformance.evidence import note, step
from conformance.kube.waits import Deadline
from conformance.machines.guest import BOOT_ID, Guest
from conformance.machines.host_keys import HostKey, learn
from conformance.machines.outside import OutsideHost
from conformance.machines.shell import ShellError
from conformance.machines.ssh import Ssh, SshRefused
from conformance.machines.virtctl import VirtctlError
from conformance.machines.virtctl_ssh import answered, virtctl_ssh
from conformance.machines.vm import VirtualMachine
from conformance.traffic import netcat
from conformance.traffic.cells import Destination
from conformance.traffic.peers import line
from conformance.traffic.probe import NotReached, Reached

ATTEMPTS = 2
PORT = 22
_READY = b"udnc-ready\n"


def reach_by_virtctl_ssh(machine: VirtualMachine) -> Reached | NotReached:
    """Log in a few times; over with the first that comes to the guest, or to somebody else.

    The guest's SSH server runs, and its keys were learned over the console. Raises ``ShellError`` when it does not.
    """
    with step(f"virtctl ssh to {machine}"):
        keys, boot = learn(machine.guest), machine.guest.boot_id()
        for number in range(1, ATTEMPTS + 1):
            result = _attempt(machine, keys, boot)
            if isinstance(result, Reached) or result.arrived:
                break
            note(f"attempt {number} of {ATTEMPTS}: {result.why}")
        return result


def _attempt(machine: VirtualMachine, keys: list[HostKey], boot: str) -> Reached | NotReached:
    try:
        said = virtctl_ssh(machine, keys, f"cat {BOOT_ID}").strip()
    except VirtctlError as error:
        return NotReached(str(error), arrived=answered(error))
    if said != boot:
        return NotReached(f"another guest answered: boot {said[:60]}, not {boot}", arrived=True)
    return Reached(f"boot {boot} answered")


def guest_over_ssh(client: OutsideHost, machine: VirtualMachine, place: Destination) -> Guest:
    """The machine's guest over SSH from ``client`` to ``place``, the keys learned over the console.

    ``AssertionError`` with both ends when no login comes about within the time-out ``reach``, or another guest answers.
    """
    port = place.port or PORT
    route = line("ssh", client, place, port)
    with step(f"{route}, to {machine}"):
        keys, boot = learn(machine.guest), machine.guest.boot_id()
        timeouts = machine.access.timeouts
        name = f"{machine} over {place}"
        guest = Guest(
            Ssh(name, lambda: _dial(client, place.address, port), machine.credentials, keys, timeouts), timeouts
        )
        deadline = Deadline(timeouts["reach"])
        while True:
            try:
                answered_by = guest.boot_id()
            except SshRefused as error:
                if deadline.passed:
                    raise AssertionError(
                        f"{route}: {machine} not reached within {deadline.seconds:g} s: {error}"
                    ) from error
            else:
                assert answered_by == boot, f"{route}: boot {answered_by} answered, {machine} is boot {boot}"
                return guest


def _dial(client: OutsideHost, address: str, port: int) -> Any:
    """A connection by a netcat at the client's, which tells when it is about to begin: nothing is read before."""
    connect = netcat.command(client.guest, "tcp", "connect", port, address)
    stream = paramiko.ProxyCommand(client.program)
    try:
        stream.settimeout(client.guest.timeouts["ssh-open"])
        stream.send(f"echo {_READY.decode().strip()}; exec {connect}\n".encode())
        if stream.recv(len(_READY)) != _READY:
            raise ShellError(f"{client}: {client.program} runs no script of sh")
    except BaseException:
        stream.close()
        raise
    return stream
