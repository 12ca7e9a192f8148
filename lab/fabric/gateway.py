"""The way out of a network: its router's port on the physical network, and source NAT to that port's address.

The port is bound to one node (a distributed gateway port), so that workloads on every node leave by the same
address and replies come back wherever they are.
"""

from __future__ import annotations

import zlib
from ipaddress import ip_interface, ip_network
from typing import Any

from lab.config import GATEWAY_ROUTER, GATEWAY_SUBNET
from lab.fabric import names
from lab.fabric.model import mac_of
from lab.fabric.rows import Rows


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
    """Give ``router`` its port on the physical network at ``node``, a default route and NAT for IPv4 ``subnets``."""
    switch = rows.find("Logical_Switch", names.EXTERNAL_SWITCH)
    if switch is None:
        raise RuntimeError("the fabric has no external switch: was it brought up?")
    port = f"rtoe-{router.name}"
    address = _address(rows, network, port)
    chassis = rows.write("Gateway_Chassis", _named(rows, f"{port}-{node}"), {
        "name": f"{port}-{node}", "chassis_name": node, "priority": 1,
    })  # fmt: skip
    rows.child(router, "ports", "Logical_Router_Port", {"name": port}, {
        "mac": mac_of(address), "networks": [address], "gateway_chassis": [chassis],
    })  # fmt: skip
    rows.child(switch, "ports", "Logical_Switch_Port", {"name": f"etor-{router.name}"}, {
        "type": "router", "addresses": ["router"], "options": {"router-port": port},
    })  # fmt: skip
    rows.child(router, "static_routes", "Logical_Router_Static_Route", {"ip_prefix": "0.0.0.0/0"}, {
        "nexthop": GATEWAY_ROUTER, "output_port": [port],
    })  # fmt: skip
    rows.write("Static_MAC_Binding", _binding(rows, port), {
        "logical_port": port, "ip": GATEWAY_ROUTER, "mac": mac_of(GATEWAY_ROUTER),
    })  # fmt: skip
    for subnet in subnets:
        if ip_network(subnet).version == 4:
            rows.child(router, "nat", "NAT", {"type": "snat", "logical_ip": subnet}, {
                "external_ip": str(ip_interface(address).ip),
            })  # fmt: skip


def gateway_address(rows: Rows, router: str) -> str | None:
    """The address of a router on the physical network, None if it has none."""
    port = rows.find("Logical_Router_Port", f"rtoe-{router}")
    return str(ip_interface(port.networks[0]).ip) if port is not None else None


def remove_egress(rows: Rows, router: str) -> None:
    """Take away what :func:`ensure_egress` made outside the router itself."""
    switch = rows.find("Logical_Switch", names.EXTERNAL_SWITCH)
    if switch is not None:
        for port in switch.ports:
            if port.name == f"etor-{router}":
                switch.delvalue("ports", port)
    binding = _binding(rows, f"rtoe-{router}")
    if binding is not None:
        binding.delete()


def _named(rows: Rows, name: str) -> Any | None:
    return rows.find("Gateway_Chassis", name)


def _binding(rows: Rows, port: str) -> Any | None:
    return next((row for row in rows.all("Static_MAC_Binding") if row.logical_port == port), None)


def _address(rows: Rows, network: str, port: str) -> str:
    """The address that the port has, or a free one: where to begin is taken from the network's name."""
    subnet = ip_network(GATEWAY_SUBNET)
    ports = {row.name: row.networks for row in rows.all("Logical_Router_Port")}
    if port in ports:
        return str(ports[port][0])
    taken = {address for networks in ports.values() for address in networks} | {f"{GATEWAY_ROUTER}/{subnet.prefixlen}"}
    size = subnet.num_addresses - 2
    start = zlib.crc32(network.encode())
    for step in range(size):
        address = f"{subnet[1 + (start + step) % size]}/{subnet.prefixlen}"
        if address not in taken:
            return address
    raise RuntimeError(f"no address of {GATEWAY_SUBNET} is free for the gateway of network {network}")
