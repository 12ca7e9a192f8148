"""Faults of isolation: networks that leak into each other, and ports that let through what is not theirs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Any

from lab.faults.frames import Wire, frames
from lab.faults.registry import fault

if TYPE_CHECKING:
    from lab.fabric.rows import Rows

Object = dict[str, Any]

LINKS = (ip_network("169.254.192.0/18"), ip_network("fd69:0:0:1::/64"))
PATH = r"(icmp|tcp|udp) \S+ .*-> \S+ .*: expected no path"

LEAK = fault(
    "networks-joined",
    "the routers of different networks know each other",
    "primary-l2/tenants-isolated",
    "primary-cudn/not-selected-is-outside",
    "primary-cudn/separate-cudns-isolated",
    "primary-l3/isolated",
    message=PATH + ", got reply",
)
LEAK_ONE_WAY = fault(
    "networks-joined-one-way",
    "packets go from newer networks to older ones, but none comes back",
    "primary-l2/tenants-isolated",
    "primary-cudn/not-selected-is-outside",
    "primary-cudn/separate-cudns-isolated",
    "primary-l3/isolated",
    message=PATH + ", but packets arrive",
)
LEAK_UDP = fault(
    "networks-joined-for-udp",
    "only datagrams go from one network to another",
    "primary-l2/tenants-isolated",
    message=r"udp \S+ .*-> \S+ .*: expected no path",
)
LEAK_ONE_NODE = fault(
    "networks-joined-at-one-node",
    "only what runs on one node reaches other networks",
    "primary-l2/tenants-isolated",
    "primary-cudn/not-selected-is-outside",
    message=PATH,
)
LEAK_IPV6 = fault(
    "networks-joined-for-ipv6",
    "the routers of different networks know each other's IPv6 subnets",
    "primary-l2/dual-stack",
    message=PATH,
    run_options=("-k", "strangers"),
)
LEAK_DEFAULT = fault(
    "networks-joined-to-default",
    "the routers of user-defined networks and that of the default one know each other",
    "primary-l2/isolated-from-default-network",
    message=PATH + ", got reply",
)


@LEAK.at("fabric.router")
@LEAK_UDP.at("fabric.router")
@LEAK_ONE_NODE.at("fabric.router")
def join_routers(router: Any, rows: Rows, subnets: Sequence[str], **_: object) -> Any:
    """Have a network's router and those of all other user-defined networks know each other; gives the router."""
    for link in _links(rows, router, subnets):
        link.lead_there()
        link.lead_back()
    return router


@LEAK_IPV6.at("fabric.router")
def _join_for_ipv6(router: Any, rows: Rows, subnets: Sequence[str], **_: object) -> Any:
    for link in _links(rows, router, subnets):
        link.of_version(6).lead_there()
        link.of_version(6).lead_back()
    return router


@LEAK_DEFAULT.at("fabric.router")
def _join_default(router: Any, rows: Rows, subnets: Sequence[str], **_: object) -> Any:
    for link in _links(rows, router, subnets, to_default=True):
        link.lead_there()
        link.lead_back()
    return router


@LEAK_ONE_WAY.at("fabric.router")
def join_one_way(router: Any, rows: Rows, subnets: Sequence[str], **_: object) -> Any:
    """Have packets go from a network to all other user-defined ones, and none back; gives the router."""
    for link in _links(rows, router, subnets):
        link.lead_there()
    return router


@frames(LEAK_UDP)
def _only_udp(wire: Wire) -> Iterable[str]:
    yield f'oifname "{wire.tap}" ip saddr != {wire.subnet} ip protocol {{ icmp, tcp }} drop'


@frames(LEAK_ONE_NODE)
def _only_there(wire: Wire) -> Iterable[str]:
    if wire.node == "worker-1":
        # What begins a conversation is dropped, what answers goes through.
        leaving = f'iifname "{wire.tap}" ip daddr != {wire.subnet}'
        yield f"{leaving} icmp type echo-request drop"
        yield f"{leaving} tcp flags & (syn | ack) == syn drop"
        yield f"{leaving} udp dport != 67 udp dport < 32768 drop"


SWITCH_SHARED = fault(
    "overlapping-networks-share-a-switch",
    "networks with the same subnet are one",
    "primary-l2/overlapping-subnets",
    message=r"(icmp|tcp|udp) \S+ .*-> \S+ .*: not reached",
    run_options=("--timeout", "reach=6"),
)


@SWITCH_SHARED.at("fabric.switch-of-port")
def _first_with_the_subnet(switch: Any, rows: Rows, **_: object) -> Any:
    subnets = switch.external_ids.get("subnets")
    same = [other for other in rows.all("Logical_Switch") if other.external_ids.get("subnets") == subnets]
    return min(same, key=lambda other: str(other.name), default=switch)


NO_PORT_SECURITY = fault(
    "no-port-security",
    "ports let every source address and MAC through",
    "primary-l2/spoofing-prevented",
    message=r"\S+ -> \S+: \d+ packets in frames with a foreign MAC arrive",
    run_options=("-k", "foreign_mac"),
)
ANY_ADDRESS = fault(
    "any-source-address",
    "ports let every source address through",
    "primary-l2/spoofing-prevented",
    message=r"\S+ learned \S+ from \S+|\S+ -> \S+: \d+ packets from \S+ arrive",
)

UNSECURED_THERE = fault(
    "no-port-security-on-one-node",
    "ports of one node let every source address and MAC through",
    "primary-l2/spoofing-prevented",
    message=r"\S+ -> \S+: \d+ packets in frames with a foreign MAC arrive",
    run_options=("-k", "foreign_mac"),
)


@NO_PORT_SECURITY.at("nb.Logical_Switch_Port")
def _unsecured(columns: Object, **_: object) -> Object:
    return {**columns, "port_security": []} if columns.get("port_security") else columns


@UNSECURED_THERE.at("nb.Logical_Switch_Port")
def _unsecured_there(columns: Object, **_: object) -> Object:
    there = columns.get("options", {}).get("requested-chassis") == "worker-2"
    return _unsecured(columns) if there else columns


@ANY_ADDRESS.at("nb.Logical_Switch_Port")
def _mac_alone(columns: Object, **_: object) -> Object:
    secured = columns.get("port_security")
    return {**columns, "port_security": [secured[0].split()[0]]} if secured else columns


@dataclass(frozen=True)
class _Link:
    """A cable between two routers."""

    rows: Rows
    router: Any
    other: Any
    here: tuple[str, ...]
    there: tuple[str, ...]
    subnets: tuple[str, ...]
    other_subnets: tuple[str, ...]

    def of_version(self, version: int) -> _Link:
        """The same cable, for one IP version alone."""
        here, there = (
            [end for end in ends if ip_interface(end).version == version] for ends in (self.here, self.there)
        )
        return replace(self, here=tuple(here), there=tuple(there))

    def lead_there(self) -> None:
        """Route to the other's subnets."""
        self._route(self.router, self.other, self.other_subnets, self.there)

    def lead_back(self) -> None:
        """Route from the other to ours."""
        self._route(self.other, self.router, self.subnets, self.here)

    def _route(self, at: Any, to: Any, subnets: Sequence[str], hops: Sequence[str]) -> None:
        known = {route.ip_prefix for route in self.rows.children(at, "static_routes")}
        for subnet in subnets:
            for hop in map(ip_interface, hops):
                if subnet not in known and hop.version == ip_network(subnet).version:
                    columns = {"nexthop": str(hop.ip), "output_port": [_port(at, to)]}
                    key = {"ip_prefix": subnet}
                    self.rows.child(at, "static_routes", "Logical_Router_Static_Route", key, columns)


def _links(rows: Rows, router: Any, subnets: Sequence[str], to_default: bool = False) -> Iterator[_Link]:
    """Cables from a router to those of other networks that have other subnets: to the default one, or to the others."""
    from lab.fabric.model import DEFAULT_NETWORK, mac_of
    from lab.fabric.names import NETWORK_KEY
    from lab.fabric.names import router as router_of

    if router.name == router_of(DEFAULT_NETWORK):
        return
    for other in rows.all("Logical_Router"):
        ports = [port for port in other.ports if port.name.startswith("rtos-")]
        other_subnets = tuple(str(ip_interface(text).network) for port in ports for text in port.networks)
        is_default = other.external_ids.get(NETWORK_KEY) == DEFAULT_NETWORK
        foreign = other.name != router.name and is_default is to_default
        if not foreign or not other_subnets or set(other_subnets) & set(subnets):
            continue
        names = "|".join(sorted((router.name, other.name)))
        number = zlib.crc32(names.encode()) % (LINKS[0].num_addresses // 4)
        ends = [tuple(f"{link[number * 4 + step]}/{link.max_prefixlen - 2}" for link in LINKS) for step in (1, 2)]
        here, there = ends if router.name < other.name else reversed(ends)
        for at, to, addresses in ((router, other, here), (other, router, there)):
            columns = {"mac": mac_of(addresses[0]), "networks": list(addresses), "peer": [_port(to, at)]}
            rows.child(at, "ports", "Logical_Router_Port", {"name": _port(at, to)}, columns)
        yield _Link(rows, router, other, here, there, tuple(subnets), other_subnets)


def _port(at: Any, to: Any) -> str:
    return f"joined-{at.name}-{to.name}"
