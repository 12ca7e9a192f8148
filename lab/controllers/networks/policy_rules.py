"""What a NetworkPolicy lets through, as a filter of the fabric. Pure functions over the objects.

A policy acts on one network, the primary one of its namespace, and knows peers by their addresses there: pods of
another network have none, so no policy can let them in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.controllers.selectors import selects
from lab.fabric.model import Allow, Filter, PortRange

Object = dict[str, Any]

KIND = "policy"


@dataclass(frozen=True)
class Member:
    """A pod on the policy's network: its port there and its addresses, without prefix lengths."""

    pod: Object
    port: str
    addresses: tuple[str, ...]

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return str(self.pod["metadata"]["namespace"])

    @property
    def labels(self) -> Mapping[str, str]:
        """The pod's labels."""
        return self.pod["metadata"].get("labels") or {}

    def port_number(self, name: str, protocol: str) -> int | None:
        """The number of a container's port of that name."""
        for container in self.pod["spec"].get("containers") or ():
            for port in container.get("ports") or ():
                if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                    return int(port["containerPort"])
        return None


def filter_of(
    policy: Object, network: str, members: Sequence[Member], namespaces: Mapping[str, Mapping[str, str]]
) -> Filter:
    """The filter that a policy is on ``network``; ``members`` are all of its pods, ``namespaces`` their labels."""
    metadata, spec = policy["metadata"], policy["spec"]
    namespace = metadata["namespace"]
    subjects = [
        member
        for member in members
        if member.namespace == namespace and selects(spec.get("podSelector") or {}, member.labels)
    ]
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    sides: dict[str, tuple[Allow, ...] | None] = {"Ingress": None, "Egress": None}
    for side, rules, peers in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
        if side in types:
            found = (
                allow
                for rule in spec.get(rules) or ()
                for allow in _allows(rule, peers, namespace, subjects, members, namespaces)
            )
            sides[side] = tuple(found)
    ports = tuple(sorted({member.port for member in subjects}))
    return Filter(filter_name(namespace, metadata["name"]), network, ports, sides["Ingress"], sides["Egress"])


def filter_name(namespace: str, policy: str) -> str:
    """The name of a policy's filter."""
    return f"{KIND}/{namespace}/{policy}"


def _allows(
    rule: Object,
    side: str,
    namespace: str,
    subjects: Sequence[Member],
    members: Sequence[Member],
    namespaces: Mapping[str, Mapping[str, str]],
) -> Iterable[Allow]:
    peers = rule.get(side) or None
    listeners = subjects if side == "from" else members
    for ports, there in _port_sets(rule.get("ports") or (), listeners):
        if peers is None:
            yield _narrowed(Allow(ports=ports), side, there)
            continue
        pods = [member for member in members if any(_is_peer(member, peer, namespace, namespaces) for peer in peers)]
        yield _narrowed(Allow(_addresses(pods), ports=ports), side, there)
        for block in (peer["ipBlock"] for peer in peers if "ipBlock" in peer):
            allow = Allow((block["cidr"],), tuple(block.get("except") or ()), ports)
            yield _narrowed(allow, side, there)


def _is_peer(member: Member, peer: Object, namespace: str, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
    if "ipBlock" in peer:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], namespaces.get(member.namespace)):
            return False
    elif member.namespace != namespace:
        return False
    return selects(peer.get("podSelector") or {}, member.labels)


def _port_sets(
    ports: Sequence[Object], listeners: Sequence[Member]
) -> Iterable[tuple[tuple[PortRange, ...], tuple[str, ...] | None]]:
    """The ports by number, for everybody; then each named port, with the addresses at which it has that number."""
    numbers = [port for port in ports if not isinstance(port.get("port"), str)]
    if numbers or not ports:
        yield tuple(_range(port) for port in numbers), None
    for port in ports:
        if isinstance(port.get("port"), str):
            protocol = port.get("protocol", "TCP")
            known: dict[int, list[Member]] = {}
            for member in listeners:
                number = member.port_number(port["port"], protocol)
                if number is not None:
                    known.setdefault(number, []).append(member)
            for number, there in known.items():
                yield (PortRange(protocol.lower(), number),), _addresses(there)


def _narrowed(allow: Allow, side: str, there: tuple[str, ...] | None) -> Allow:
    """A named port holds only where it has that number: at our own ports for what comes in, at the peers' else."""
    if there is None:
        return allow
    if side == "from":
        return Allow(allow.peers, allow.excepts, allow.ports, own=there)
    peers = there if allow.peers is None else tuple(address for address in allow.peers if address in there)
    return Allow(peers, allow.excepts, allow.ports)


def _range(port: Object) -> PortRange:
    protocol = port.get("protocol", "TCP").lower()
    return PortRange(protocol, port.get("port"), port.get("endPort"))


def _addresses(members: Iterable[Member]) -> tuple[str, ...]:
    return tuple(sorted({address for member in members for address in member.addresses}))
