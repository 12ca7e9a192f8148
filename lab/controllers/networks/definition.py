"""A user-defined network as its attachment (NAD) describes it: what every other part of the room works from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import islice
from typing import Any

from lab.config import LabConfig

Object = dict[str, Any]
IPNetwork = IPv4Network | IPv6Network

OVERLAY = "ovn-k8s-cni-overlay"
LABEL = "k8s.ovn.org/primary-user-defined-network"
_DEFAULT_HOST_PREFIX = {4: 24, 6: 64}


@dataclass(frozen=True)
class Definition:
    """One network, by the name that its attachments' configurations share.

    ``subnets`` of a layer3 network are ``cidr/host prefix``, as in the configuration.
    """

    network: str
    topology: str
    role: str
    subnets: tuple[str, ...] = ()
    join_subnets: tuple[str, ...] = ()
    mtu: int | None = None
    persistent: bool = False
    gateway_ips: tuple[str, ...] = ()
    reserved_subnets: tuple[str, ...] = ()

    @property
    def primary(self) -> bool:
        """Whether it takes the place of the default network in its namespaces."""
        return self.role == "primary"

    def host_subnets(self, nodes: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The subnets of each node: of a layer3 network its own slice a family, of others the whole."""
        if self.topology != "layer3":
            return dict.fromkeys(nodes, self.subnets)
        found: dict[str, dict[int, str]] = {node: {} for node in nodes}
        for entry in self.subnets:
            cidr, prefix = split_layer3(entry)
            slices: Iterator[IPNetwork] = cidr.subnets(new_prefix=prefix)
            for node, subnet in zip(nodes, islice(slices, len(nodes)), strict=False):
                found[node].setdefault(subnet.version, str(subnet))
        return {node: tuple(by_family.values()) for node, by_family in found.items()}


@dataclass(frozen=True)
class Attachment:
    """A NAD of OVN-Kubernetes: where it is, and the network that it gives access to."""

    namespace: str
    name: str
    definition: Definition

    @property
    def key(self) -> str:
        """``namespace/name``, by which pods' annotations know it."""
        return f"{self.namespace}/{self.name}"


def attachment_of(nad: Object) -> Attachment | None:
    """What a NAD attaches to, or None if it is not OVN-Kubernetes' or cannot be read."""
    try:
        config = json.loads(nad.get("spec", {}).get("config") or "{}")
    except json.JSONDecodeError:
        return None
    if not isinstance(config, dict) or config.get("type") != OVERLAY or not config.get("name"):
        return None
    definition = Definition(
        network=str(config["name"]),
        topology=str(config.get("topology", "layer3")),
        role=str(config.get("role", "secondary")),
        subnets=_listed(config.get("subnets")),
        join_subnets=_listed(config.get("joinSubnet")),
        mtu=config.get("mtu"),
        persistent=bool(config.get("allowPersistentIPs")),
        gateway_ips=_listed(config.get("defaultGatewayIPs")),
        reserved_subnets=(*_listed(config.get("reservedSubnets")), *_listed(config.get("infrastructureSubnets"))),
    )
    return Attachment(nad["metadata"]["namespace"], nad["metadata"]["name"], definition)


def split_layer3(entry: str) -> tuple[IPNetwork, int]:
    """The CIDR and the host prefix of ``10.150.0.0/16/24``; the prefix defaults to /24, /64 for IPv6."""
    address, prefix, *host = entry.split("/")
    cidr = ip_network(f"{address}/{prefix}", strict=False)
    return cidr, int(host[0]) if host else max(_DEFAULT_HOST_PREFIX[cidr.version], cidr.prefixlen)


def system_namespace(name: str) -> bool:
    """Whether a namespace belongs to the cluster itself and takes no primary network."""
    return name in ("default", "openshift") or name.startswith(("kube-", "openshift-"))


def node_names(config: LabConfig) -> tuple[str, ...]:
    """The lab's nodes in their order."""
    return tuple(node.name for node in config.nodes)


def _listed(text: Any) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(text or "").split(",") if part.strip())
