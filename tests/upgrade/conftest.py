"""Two machines on a wire (``tests.traffic``) that hold a session, and a baseline that tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conformance.machines.identity import Identity
from conformance.traffic.background import Background
from conformance.upgrade.baseline import Baseline, Machine, Path, Session
from conformance.upgrade.sessions import Side, sides
from tests.traffic.conftest import client, ends, server  # noqa: F401

TOKEN = "udncabc"
SESSION = Session("apart", "vm-a", "vm-b", 5301, "on different nodes")
Pair = tuple[Side, Side]


@pytest.fixture
def pair(client, server) -> Iterator[Pair]:  # noqa: F811
    """The serving and the calling side of one session, not begun."""
    made = tuple(sides([SESSION], {"vm-a": client, "vm-b": server}, TOKEN))
    yield made
    for side in made:
        Background(side.machine.guest, side._folder).stop()


@pytest.fixture
def held(pair: Pair) -> Pair:
    """The same, once lines come to both."""
    for side in pair:
        side.begin()
    for side in pair:
        until(lambda side=side: side.look().count >= 3)
    return pair


def until(seen: Callable[[], object]) -> None:
    """Wait for something that must come; the run's own time limit ends it."""
    while not seen():
        pass


def baseline(addresses: tuple[str, ...] = ("10.0.0.3",), mac: str = "0a:58:0a:00:00:03") -> Baseline:
    """A baseline of one VM, one path and one session."""
    identity = Identity(addresses, mac, addresses, mac, addresses)
    return Baseline(
        name="default",
        made="2025-01-02T03:04:05+00:00",
        token=TOKEN,
        versions={"kubernetes": "v1.33.0"},
        machines=(Machine("ns", "vm-a", identity, ("10.0.0.1",), "worker-1", "boot"),),
        paths=(Path("ns/vm-a", "ns/vm-b", "tcp", 5000, True), Path("ns/vm-a", "ns/vm-c", "icmp", None, False)),
        sessions=(SESSION,),
    )
