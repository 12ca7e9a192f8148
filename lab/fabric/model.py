"""Networks and ports as the lab's controllers ask for them; what OVN makes of them is not their business."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_interface, ip_network

from lab.config import CLUSTER_MTU, LabConfig

DEFAULT_NETWORK = "default"


@dataclass(frozen=True)
class Layer2:
    """One switch for all nodes.

    ``gateway_ips`` defaults to the first address of each subnet. ``mtu`` in bytes is told to guests only when set.
    Without ``subnets`` nothing is known of addresses, and ports are held to their MAC alone. A ``primary`` network
    has a router and a way out of the cluster, by way of the first of ``nodes``.
    """

    name: str
    subnets: tuple[str, ...] = ()
    mtu: int | None = None
    gateway_ips: tuple[str, ...] = ()
    primary: bool = True
    join_subnets: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()

    def gateways(self) -> tuple[str, ...]:
        """The router's addresses with prefix length, one a subnet."""
        return tuple(_with_prefix(self.gateway_ips, subnet) for subnet in self.subnets)


@dataclass(frozen=True)
class Layer3:
    """A switch for each node and a router between them.

    ``host_subnets`` maps each node to its subnet (several, of different families, separated by commas).
    ``management`` gives each node's own port on its switch: the address of the node on this network.
    """

    name: str
    host_subnets: Mapping[str, str] = field(default_factory=dict)
    mtu: int | None = None
    primary: bool = True
    join_subnets: tuple[str, ...] = ()
    management: bool = False

    def subnets(self, node: str) -> tuple[str, ...]:
        """The subnets of a node."""
        return tuple(subnet.strip() for subnet in self.host_subnets[node].split(","))

    def gateways(self, node: str) -> tuple[str, ...]:
        """The router's addresses on a node's switch, with prefix length."""
        return tuple(_with_prefix((), subnet) for subnet in self.subnets(node))

    def management_ips(self, node: str) -> tuple[str, ...]:
        """The node's own addresses on its switch, with prefix length: the second of each subnet."""
        return tuple(f"{ip_network(s)[2]}/{ip_network(s).prefixlen}" for s in self.subnets(node))


Network = Layer2 | Layer3


@dataclass(frozen=True)
class Port:
    """A workload's port. ``name`` is also its ``iface-id``.

    ``nodes``: where the workload runs; two while it moves from the first to the second. ``ips`` come without a
    prefix length. ``unknown``: the switch also sends frames here whose destination it does not know. ``locked``:
    nothing passes but what filters allow, and what the node itself asks.
    """

    name: str
    network: str
    mac: str
    ips: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    dhcp: bool = False
    hostname: str | None = None
    enabled: bool = True
    unknown: bool = False
    locked: bool = False


@dataclass(frozen=True)
class PortRange:
    """Ports ``first`` to ``last`` (that one alone without it) of ``tcp``, ``udp`` or ``sctp``; without, all of it.

    ``icmp`` has no ports.
    """

    protocol: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Allow:
    """What a filter lets through: to or from ``peers`` (addresses, CIDRs; None: anybody) but ``excepts``, on ``ports``.

    ``own`` narrows it to some of the filter's ports, by their addresses. Without ``ports`` all of IP is meant.
    """

    peers: tuple[str, ...] | None = None
    excepts: tuple[str, ...] = ()
    ports: tuple[PortRange, ...] = ()
    own: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Filter:
    """What passes at ``ports`` (their names): what comes in by ``ingress``, what leaves by ``egress``; None: all."""

    name: str
    network: str
    ports: tuple[str, ...]
    ingress: tuple[Allow, ...] | None = None
    egress: tuple[Allow, ...] | None = None


@dataclass(frozen=True)
class Balancer:
    """A load balancer for the clients of a network.

    ``fronts`` maps ``address:port`` to backends of the same form; without any, clients are refused. ``protocol`` is
    ``TCP``, ``UDP`` or ``SCTP``.
    """

    name: str
    network: str
    protocol: str
    fronts: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Entrance:
    """A load balancer for clients beyond the cluster: ``ports`` of the network's own address there, to backends."""

    name: str
    network: str
    protocol: str
    ports: Mapping[int, tuple[str, ...]]


def default_network(config: LabConfig) -> Layer3:
    """The cluster's default network."""
    return Layer3(
        DEFAULT_NETWORK,
        {node.name: ",".join(node.host_subnets) for node in config.nodes},
        mtu=CLUSTER_MTU,
        management=True,
    )


def mac_of(address: str) -> str:
    """The MAC that OVN-Kubernetes derives from an address: ``0a:58``, then IPv4's octets or a hash of IPv6's text."""
    ip = ip_interface(address).ip
    octets = ip.packed if ip.version == 4 else hashlib.sha256(str(ip).encode()).digest()[:4]
    return "0a:58:" + ":".join(f"{octet:02x}" for octet in octets)


def _with_prefix(addresses: tuple[str, ...], subnet: str) -> str:
    network = ip_network(subnet)
    for address in addresses:
        ip = ip_interface(address).ip
        if ip in network:
            return f"{ip}/{network.prefixlen}"
    return f"{network[1]}/{network.prefixlen}"
