"""The annotation by which nodes and users learn of a pod's networks (``k8s.ovn.org/pod-networks``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import Any

from lab.config import CLUSTER_MTU, CLUSTER_SUBNETS, JOIN_SUBNETS, SERVICE_SUBNETS
from lab.controllers.networks.definition import Definition

Object = dict[str, Any]

POD_NETWORKS = "k8s.ovn.org/pod-networks"
DEFAULT = "default"
PRIMARY = "primary"
LOCKED = "infrastructure-locked"
_HOST_MASQUERADE = ("169.254.0.5/32", "fd69::5/128")


@dataclass(frozen=True)
class Entry:
    """One network of a pod; ``addresses`` with prefix length, ``routes`` as pairs of destination and next hop."""

    addresses: tuple[str, ...]
    mac: str
    role: str
    iface_id: str
    mtu: int
    gateways: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()

    def render(self) -> Object:
        """The entry as OVN-Kubernetes writes it; singular keys only where there is one address."""
        entry: Object = {"ip_addresses": list(self.addresses), "mac_address": self.mac}
        if self.gateways:
            entry["gateway_ips"] = list(self.gateways)
        if self.routes:
            entry["routes"] = [{"dest": dest, "nextHop": hop} for dest, hop in self.routes]
        if len(self.addresses) == 1:
            entry["ip_address"] = self.addresses[0]
        if len(self.gateways) == 1:
            entry["gateway_ip"] = self.gateways[0]
        return {**entry, "role": self.role, "iface_id": self.iface_id, "mtu": self.mtu}


def pod_networks(entries: Mapping[str, Entry]) -> str:
    """The annotation's value."""
    return json.dumps({key: entry.render() for key, entry in entries.items()}, separators=(",", ":"))


def read_pod_networks(pod: Object) -> dict[str, Object]:
    """The annotation's value taken apart; empty if the pod has none yet."""
    text = (pod["metadata"].get("annotations") or {}).get(POD_NETWORKS)
    return dict(json.loads(text)) if text else {}


def default_entry(addresses: tuple[str, ...], mac: str, iface_id: str, has_primary: bool) -> Entry:
    """The default network: all of a pod's way out, or, beside a primary network, for the kubelet alone."""
    gateways = gateways_of(tuple(str(ip_interface(address).network) for address in addresses))
    if has_primary:
        routes = _routes(gateways, (*CLUSTER_SUBNETS, *JOIN_SUBNETS))
        return Entry(addresses, mac, LOCKED, iface_id, CLUSTER_MTU, routes=routes)
    routes = _routes(gateways, (*CLUSTER_SUBNETS, *SERVICE_SUBNETS, *_HOST_MASQUERADE, *JOIN_SUBNETS))
    return Entry(addresses, mac, PRIMARY, iface_id, CLUSTER_MTU, gateways, routes)


def network_entry(
    definition: Definition, subnets: Sequence[str], addresses: tuple[str, ...], mac: str, iface_id: str
) -> Entry:
    """A user-defined network, by way of a node's ``subnets`` of it."""
    mtu = definition.mtu or CLUSTER_MTU
    if not definition.primary or not addresses:
        return Entry(addresses, mac, definition.role, iface_id, mtu)
    gateways = gateways_of(subnets, definition.gateway_ips)
    inside = [entry.rsplit("/", 1)[0] for entry in definition.subnets if entry.count("/") == 2]
    routes = _routes(gateways, (*inside, *SERVICE_SUBNETS, *definition.join_subnets))
    return Entry(addresses, mac, PRIMARY, iface_id, mtu, gateways, routes)


def gateways_of(subnets: Sequence[str], asked: Sequence[str] = ()) -> tuple[str, ...]:
    """The gateway of each subnet: the one asked for, else its first address."""
    found = []
    for subnet in subnets:
        network = ip_network(subnet, strict=False)
        inside = [address for address in asked if ip_interface(address).ip in network]
        found.append(inside[0] if inside else str(network[1]))
    return tuple(found)


def _routes(gateways: Sequence[str], destinations: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """To each destination by the gateway of its family; none to a family without one."""
    return tuple(
        (destination, gateway)
        for gateway in gateways
        for destination in destinations
        if ip_network(destination, strict=False).version == ip_interface(gateway).version
    )
