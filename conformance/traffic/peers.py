"""Who takes part in traffic, and how a line of a report names two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conformance.machines.guest import Guest


class Place(Protocol):
    """Where packets come from or go to; as text, its name."""

    @property
    def address(self) -> str:
        """The address at which others reach it."""

    @property
    def node(self) -> str:
        """Name of the node that it runs on."""


class Peer(Place, Protocol):
    """One end: a VM or a pod, as traffic sees it."""

    @property
    def migration_uid(self) -> str:
        """Changes when it moves; else it stays the same."""

    @property
    def guest(self) -> Guest:
        """Its guest."""


@dataclass(frozen=True)
class At:
    """A peer at another of its addresses."""

    peer: Peer
    address: str

    def __str__(self) -> str:
        return str(self.peer)

    @property
    def node(self) -> str:
        """Name of the node that it runs on."""
        return self.peer.node

    @property
    def migration_uid(self) -> str:
        """Changes when it moves; else it stays the same."""
        return self.peer.migration_uid

    @property
    def guest(self) -> Guest:
        """Its guest."""
        return self.peer.guest


def line(protocol: str, client: Place, server: Place, port: int | None) -> str:
    """``tcp ns/vm-a (10.1.2.3, worker-1) -> ns/vm-b (10.1.2.4:5000, worker-2)``."""
    if port is None:
        where = server.address
    else:
        where = f"[{server.address}]:{port}" if ":" in server.address else f"{server.address}:{port}"
    return f"{protocol} {client} ({client.address}, {client.node}) -> {server} ({where}, {server.node})"
