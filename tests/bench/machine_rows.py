"""VMs: from their creation to a login, moving, and the round trip of a command on their console."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from conformance.kube import manifests
from conformance.kube.resources import MIGRATIONS
from conformance.kube.waits import wait_until
from conformance.machines.vm import VirtualMachine
from conformance.tenancy import Group
from tests.bench.workshop import Workshop

COMMANDS = 20
#: Prints how long the guest itself took, in seconds by its own clock.
TIMED = "read -r was rest </proc/uptime; sleep 0.1; read -r now rest </proc/uptime; echo $was $now"


def login_seconds(shop: Workshop, rounds: int, machines: int) -> Iterator[float]:
    """From the creation of VMs until each has answered a login on its console."""
    tenant = shop.tenants.primary_layer2(f"login-{machines}")
    for number in range(rounds):
        began = time.monotonic()
        made = [tenant.machine(f"vm-{number}-{letter}") for letter in "abcdefgh"[:machines]]
        with ThreadPoolExecutor(machines) as waiting:
            list(waiting.map(_log_in, made))
        yield time.monotonic() - began
        with ThreadPoolExecutor(machines) as ending:
            list(ending.map(VirtualMachine.delete, made))


def migration_seconds(pair: Group, rounds: int) -> Iterator[float]:
    """From the creation of a migration until it has succeeded."""
    mover, _ = pair
    for _ in range(rounds):
        name = f"move-{secrets.token_hex(3)}"
        began = time.monotonic()
        mover.api.create(manifests.migration(name, mover.namespace, mover.access.run_id, mover.name, None))
        wait_until(mover.api, MIGRATIONS, name, mover.namespace, _succeeded, "migration", "its success")
        yield time.monotonic() - began
        mover.console.close()
        mover.api.delete(MIGRATIONS, name, mover.namespace)


def silence_milliseconds(pair: Group, rounds: int) -> Iterator[float]:
    """The longest time in which a peer hears nothing of a session with a VM that moves."""
    mover, peer = pair
    for number in range(rounds):
        with peer.stream_to(mover, port=5301 + number) as stream:
            mover.migrate()
        yield stream.longest_silence * 1000


def console_milliseconds(pair: Group, rounds: int) -> Iterator[float]:
    """The round trip of a command on the console, less the time that the command took by the guest's own clock."""
    machine, _ = pair
    machine.console.login()
    for _ in range(rounds * COMMANDS):
        began = time.monotonic()
        text = machine.guest.must(TIMED)
        took = time.monotonic() - began
        was, now = (float(word) for word in text.split())
        yield (took - (now - was)) * 1000


def _log_in(machine: VirtualMachine) -> None:
    machine.wait_running()
    machine.console.login()


def _succeeded(migration: dict[str, object]) -> bool:
    status = migration.get("status")
    return isinstance(status, dict) and status.get("phase") == "Succeeded"
