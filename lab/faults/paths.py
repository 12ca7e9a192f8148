"""Faults of paths within a network: packets that are lost, changed, or take another way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lab.fabric.model import DEFAULT_NETWORK
from lab.faults.frames import Wire, frames
from lab.faults.registry import fault

if TYPE_CHECKING:
    from lab.fabric.rows import Rows

NO_DHCP = "udp dport != { 67, 68 } udp sport != { 67, 68 }"
ONLY_UDP = ("--timeout", "reach=4", "-k", "udp")

ROUTED = fault(
    "routed-within-network",
    "packets between machines of one network pass a router",
    "primary-l2/same-subnet-across-nodes",
    "primary-l2/same-node",
    message=r"\S+ -> \S+: replies arrive with TTL .*63.*: routed",
)


@frames(ROUTED)
def _one_hop(wire: Wire) -> Iterable[str]:
    yield f'oifname "{wire.tap}" ip saddr {wire.subnet} ip ttl set 63'


NOT_ON_ONE_NODE = fault(
    "no-path-on-one-node",
    "machines on one node do not reach each other",
    "primary-l2/same-node",
    message=r"\S+ -> \S+: 0 of \d+",
)


@frames(NOT_ON_ONE_NODE)
def _nothing_from_beside(wire: Wire) -> Iterable[str]:
    if wire.beside:
        beside = "{ " + ", ".join(wire.beside) + " }"
        yield f"ip saddr {beside} drop"
        yield f"ip daddr {beside} drop"


UDP_CHANGED = fault(
    "udp-payload-changed",
    "long datagrams arrive with other content than was sent",
    "primary-l2/tcp-and-udp",
    message=r"udp \S+ -> \S+: payload changed: sent .*, came back",
    run_options=ONLY_UDP,
)


@frames(UDP_CHANGED)
def _overwritten(wire: Wire) -> Iterable[str]:
    yield f'oifname "{wire.tap}" {NO_DHCP} udp length > 500 @th,64,32 set 0x41424344'
    # A checksum of 0 says that there is none: the guest takes the datagram as it is.
    yield f'oifname "{wire.tap}" {NO_DHCP} udp length > 500 udp checksum set 0'


UDP_LOST = fault(
    "udp-lost",
    "datagrams are lost within the network",
    "primary-l2/tcp-and-udp",
    message=r"udp \S+ -> \S+: .* came back from the client 0 bytes",
    run_options=ONLY_UDP,
)


@frames(UDP_LOST)
def _dropped(wire: Wire) -> Iterable[str]:
    yield f"{NO_DHCP} drop"


ANSWERED_BY_ANOTHER = fault(
    "pings-answered-from-elsewhere",
    "replies to pings arrive with an address that was not asked",
    "primary-l2/same-subnet-across-nodes",
    "primary-l2/same-node",
    message=r"\S+ -> \S+: 0 of \d+ replies: .*reply from \S+, which was not asked",
)


@frames(ANSWERED_BY_ANOTHER)
def _from_elsewhere(wire: Wire) -> Iterable[str]:
    yield f'oifname "{wire.tap}" icmp type echo-reply ip saddr {wire.subnet} ip saddr set ip saddr | 0.0.0.64'


PATH_MTU = fault(
    "path-mtu-lowered",
    "packets above 1300 bytes are lost on the way",
    "primary-l2/mtu",
    message=r"\S+ -> \S+: packets of 1400 bytes are lost",
)


@frames(PATH_MTU)
def _long_ones_dropped(wire: Wire) -> Iterable[str]:
    yield "ip length > 1300 drop"


SOURCE_CHANGED = fault(
    "nat-between-machines",
    "machines of one network see each other by an address that is not theirs",
    "primary-l2/no-nat-between-vms",
    message=r"\S+ sees \S+ as 172\.30\.0\.",
)


@frames(SOURCE_CHANGED)
def _translated(wire: Wire) -> Iterable[str]:
    # Answers leave by the gateway, to which the translated address belongs, and are translated back on their way.
    network = wire.subnet.partition("/")[0]
    arriving = f'oifname "{wire.tap}" meta l4proto tcp ip saddr {wire.subnet}'
    yield f"{arriving} ip saddr set ip saddr & 0.0.0.255 | 172.30.0.0"
    yield f'iifname "{wire.tap}" ip daddr 172.30.0.0/24 ip daddr set ip daddr & 0.0.0.255 | {network}'


PODS_PING_ONLY = fault(
    "pods-ping-only",
    "of what pods send, only pings come to anybody",
    "primary-l2/vm-and-pod",
    message=r"(tcp|udp) \S+/pod-\S+ .*-> \S+/vm-\S+ .*: not reached",
    run_options=("--timeout", "reach=6"),
)


@PODS_PING_ONLY.at("fabric.switch-of-port")
def _nothing_but_pings(switch: Any, rows: Rows, port: str, network: str, **_: object) -> Any:
    if network != DEFAULT_NETWORK and "_vm_" not in port:
        match = f'inport == "{port}" && (tcp || udp)'
        key = {"direction": "from-lport", "priority": 2000, "match": match}
        rows.child(switch, "acls", "ACL", key, {"action": "drop"})
    return switch
