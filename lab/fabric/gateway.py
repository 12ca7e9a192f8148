"""The way out of a network: its router's port on the physical network, and source NAT to that port's address.

The port is bound to one node (a distributed gateway port), so that workloads on every node leave by the same
address and replies come back wherever they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from ipaddress import IPv4Interface, IPv6Interface, ip_interface, ip_network
from typing import Any

from lab.config import GATEWAY_ROUTERS, GATEWAY_SUBNETS
from lab.fabric import names
from lab.fabric.model import mac_of
from lab.fabric.rows import Rows

IPInterface = IPv4Interface | IPv6Interface


def ensure_external_switch(rows: Rows) -> Any:
    """The switch that stands for the physical network; one for all networks."""
    switch = rows.ensure("Logical_Switch", names.EXTERNAL_SWITCH, {})
    rows.child(
        switch,
        "ports",
        "Logical_Switch_Port",
        {"name": names.PHYSICAL_NETWORK},
        {
            "type": "localnet",
            "addresses": ["unknown"],
            "options": {"network_name": names.PHYSICAL_NETWORK},
        },
    )
    return switch


def ensure_egress(rows: Rows, network: str, router: Any, node: str, subnets: tuple[str, ...]) -> None:
    """Give ``router`` its port on the physical network at ``node``; of each family of ``subnets`` a default route, and
    NAT."""
    switch = rows.find("Logical_Switch", names.EXTERNAL_SWITCH)
    if switch is None:
        raise RuntimeError("the fabric has no external switch: was it brought up?")
    port = f"rtoe-{router.name}"
    versions = {ip_network(subnet).version for subnet in subnets}
    addresses = _addresses(rows, network, port, versions)
    chassis = rows.write("Gateway_Chassis", _named(rows, f"{port}-{node}"), {
        "name": f"{port}-{node}", "chassis_name": node, "priority": 1,
    })  # fmt: skip
    rows.child(router, "ports", "Logical_Router_Port", {"name": port}, {
        "mac": mac_of(addresses[0]), "networks": addresses, "gateway_chassis": [chassis],
    })  # fmt: skip
    rows.child(switch, "ports", "Logical_Switch_Port", {"name": f"etor-{router.name}"}, {
        "type": "router", "addresses": ["router"], "options": {"router-port": port},
    })  # fmt: skip
    for address in map(ip_interface, addresses):
        _lead_out(rows, router, port, address)
        for subnet in subnets:
            if ip_network(subnet).version == address.version:
                rows.child(router, "nat", "NAT", {"type": "snat", "logical_ip": subnet}, {
                    "external_ip": str(address.ip),
                })  # fmt: skip


def _lead_out(rows: Rows, router: Any, port: str, address: IPInterface) -> None:
    """The default route of an address's family, to the router beyond the cluster, whose MAC need not be asked for."""
    beyond = next(hop for hop in GATEWAY_ROUTERS if ip_interface(hop).version == address.version)
    everywhere = "0.0.0.0/0" if address.version == 4 else "::/0"
    rows.child(router, "static_routes", "Logical_Router_Static_Route", {"ip_prefix": everywhere}, {
        "nexthop": beyond, "output_port": [port],
    })  # fmt: skip
    known = next((row for row in _bindings(rows, port) if row.ip == beyond), None)
    rows.write("Static_MAC_Binding", known, {"logical_port": port, "ip": beyond, "mac": mac_of(GATEWAY_ROUTERS[0])})


def gateway_address(rows: Rows, router: str) -> str | None:
    """The IPv4 address of a router on the physical network, None if it has none."""
    port = rows.find("Logical_Router_Port", f"rtoe-{router}")
    addresses = map(ip_interface, port.networks) if port is not None else ()
    return next((str(address.ip) for address in addresses if address.version == 4), None)


def remove_egress(rows: Rows, router: str) -> None:
    """Take away what :func:`ensure_egress` made outside the router itself."""
    switch = rows.find("Logical_Switch", names.EXTERNAL_SWITCH)
    if switch is not None:
        for port in switch.ports:
            if port.name == f"etor-{router}":
                switch.delvalue("ports", port)
    for binding in _bindings(rows, f"rtoe-{router}"):
        binding.delete()


def _named(rows: Rows, name: str) -> Any | None:
    return rows.find("Gateway_Chassis", name)


def _bindings(rows: Rows, port: str) -> list[Any]:
    return [row for row in rows.all("Static_MAC_Binding") if row.logical_port == port]


def _addresses(rows: Rows, network: str, port: str, versions: Collection[int]) -> list[str]:
    """The port's addresses, of each version one, of the same place in their subnets; IPv4's first.

    An address that the port has stays. Else a free one is taken: where to begin is told by the network's name.
    """
    taken = {row.name: row.networks for row in rows.all("Logical_Router_Port")}
    places = {_place(address) for name, networks in taken.items() if name != port for address in networks}
    mine = [_place(address) for address in taken.get(port, ())]
    size = ip_network(GATEWAY_SUBNETS[0]).num_addresses - 2
    start = zlib.crc32(network.encode())
    tried = (1 + (start + step) % size for step in range(size))
    places |= {_place(router) for router in GATEWAY_ROUTERS}
    place = next((place for place in (*mine, *tried) if place not in places), None)
    if place is None:
        raise RuntimeError(f"no address of {GATEWAY_SUBNETS[0]} is free for the gateway of network {network}")
    subnets = [subnet for subnet in map(ip_network, GATEWAY_SUBNETS) if subnet.version in versions]
    return [f"{subnet[place]}/{subnet.prefixlen}" for subnet in subnets]


def _place(address: str) -> int | None:
    """Which of its gateway subnet's addresses an address is; None if it is of neither."""
    ip = ip_interface(address).ip
    subnets = [subnet for subnet in map(ip_network, GATEWAY_SUBNETS) if ip in subnet]
    return int(ip) - int(subnets[0].network_address) if subnets else None
