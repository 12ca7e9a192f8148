"""Whether ``virtctl ssh`` leads to a VM: to that very boot of its guest, not merely to somebody's SSH server."""

from __future__ import annotations

from conformance.evidence import note, step
from conformance.machines.guest import BOOT_ID
from conformance.machines.host_keys import HostKey, learn
from conformance.machines.virtctl import VirtctlError
from conformance.machines.virtctl_ssh import answered, virtctl_ssh
from conformance.machines.vm import VirtualMachine
from conformance.traffic.probe import NotReached, Reached

ATTEMPTS = 2


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
