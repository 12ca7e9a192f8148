"""What is known of a cluster from before its upgrade: VMs and what they were called by, who reached whom, sessions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.machines.identity import Identity
from conformance.traffic.probe import Protocol

FORMAT = 1


class BadBaseline(Exception):
    """What is recorded cannot be read; one line that says why."""


@dataclass(frozen=True)
class Machine:
    """A VM as it was: addresses, MAC, gateways, node, and the id of its boot."""

    namespace: str
    name: str
    identity: Identity
    gateways: tuple[str, ...]
    node: str
    boot: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Path:
    """Who reached whom, or did not: both ends as ``namespace/name``; ICMP has no port."""

    client: str
    server: str
    protocol: Protocol
    port: int | None
    reached: bool


@dataclass(frozen=True)
class Session:
    """A TCP session that is held in the guests; both ends as ``namespace/name``, ``where`` tells what it crosses."""

    name: str
    client: str
    server: str
    port: int
    where: str

    def __str__(self) -> str:
        return f"{self.client} <-> {self.server} ({self.where})"


@dataclass(frozen=True)
class Baseline:
    """All of it; ``made`` is when (UTC), ``versions`` are those of the cluster then, ``token`` marks its sessions."""

    name: str
    made: str
    token: str
    versions: Mapping[str, str]
    machines: tuple[Machine, ...]
    paths: tuple[Path, ...]
    sessions: tuple[Session, ...]

    def __str__(self) -> str:
        return (
            f"baseline {self.name} of {self.made}: {len(self.machines)} VMs, {len(self.paths)} paths, "
            f"{len(self.sessions)} sessions; Kubernetes {self.versions.get('kubernetes', 'unknown')} then"
        )

    def to_json(self) -> str:
        """One text, as it is kept."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Baseline:
        """What :meth:`to_json` gave; raises BadBaseline."""
        try:
            plain = json.loads(text)
            if plain.pop("format") != FORMAT:
                raise BadBaseline("the baseline was recorded by another version of the suite; verify it with that one")
            return cls(
                **plain
                | {
                    "machines": tuple(_machine(each) for each in plain["machines"]),
                    "paths": tuple(Path(**each) for each in plain["paths"]),
                    "sessions": tuple(Session(**each) for each in plain["sessions"]),
                }
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadBaseline(f"the record of the baseline is damaged: {type(error).__name__}: {error}") from error


def _machine(plain: Mapping[str, Any]) -> Machine:
    told = plain["identity"]
    identity = Identity(
        addresses=tuple(told["addresses"]),
        mac=told["mac"],
        guest_addresses=tuple(told["guest_addresses"]),
        guest_mac=told["guest_mac"],
        claimed=tuple(told["claimed"]),
    )
    return Machine(**{**plain, "identity": identity, "gateways": tuple(plain["gateways"])})
