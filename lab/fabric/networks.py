"""What a network is in OVN: switches, routers and the ports between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.config import CLUSTER_MTU
from lab.fabric import names
from lab.fabric.filters import admit_node
from lab.fabric.gateway import ensure_egress, remove_egress
from lab.fabric.model import Layer2, Layer3, mac_of
from lab.fabric.rows import Rows


def ensure_layer2(rows: Rows, network: Layer2) -> None:
    """One switch; for a primary network also a router with the gateway's addresses, and a way out."""
    ids = {names.TOPOLOGY_KEY: "layer2", "k8s.ovn.org/role": "primary" if network.primary else "secondary"}
    if network.mtu is not None:
        ids["mtu"] = str(network.mtu)
    ids["dns"] = " ".join(network.dns_servers)
    ids["subnets"] = " ".join(network.subnets)
    ids["gateways"] = " ".join(network.gateways()) if network.primary else ""
    switch = rows.ensure("Logical_Switch", names.layer2_switch(network.name), {"external_ids": ids})
    if not network.primary or not network.subnets:
        return
    router = rows.ensure("Logical_Router", names.router(network.name), {})
    _join(rows, router, switch, network.gateways(), _advertisement(network.mtu or CLUSTER_MTU))
    if network.nodes:
        ensure_egress(rows, network.name, router, network.nodes[0], network.subnets)
    rows.decide("fabric.router", router, subnets=network.subnets)


def ensure_layer3(rows: Rows, network: Layer3) -> None:
    """A switch for each node, a router between them, and a way out."""
    router = rows.ensure("Logical_Router", names.router(network.name), {})
    for node in network.host_subnets:
        ids = {names.TOPOLOGY_KEY: "layer3", "k8s.ovn.org/node": node, "subnets": " ".join(network.subnets(node))}
        switch = rows.ensure("Logical_Switch", names.node_switch(network.name, node), {"external_ids": ids})
        _join(rows, router, switch, network.gateways(node))
        if network.management:
            _manage(rows, network, switch, node)
    if network.primary and network.host_subnets:
        first = next(iter(network.host_subnets))
        subnets = tuple(subnet for node in network.host_subnets for subnet in network.subnets(node))
        ensure_egress(rows, network.name, router, first, subnets)
        rows.decide("fabric.router", router, subnets=subnets)


def delete_network(rows: Rows, network: str) -> None:
    """Take away all that bears the network's name; nothing happens if there is none."""
    for router in rows.owned("Logical_Router", names.NETWORK_KEY, network):
        remove_egress(rows, router.name)
    for table in ("Logical_Switch", "Logical_Router", "DHCP_Options", "Load_Balancer"):
        for row in rows.owned(table, names.NETWORK_KEY, network):
            if row.name != names.EXTERNAL_SWITCH if table == "Logical_Switch" else True:
                row.delete()


def _advertisement(mtu: int) -> dict[str, str]:
    """What routers of Layer2 networks tell guests, as OVN-Kubernetes has it: addresses are to be had by DHCPv6."""
    timing = {"send_periodic": "true", "max_interval": "900", "min_interval": "300"}
    return {"address_mode": "dhcpv6_stateful", "router_preference": "LOW", "mtu": str(mtu), **timing}


def _join(
    rows: Rows, router: Any, switch: Any, gateways: tuple[str, ...], advertisement: Mapping[str, str] | None = None
) -> None:
    port = f"rtos-{switch.name}"
    advertised = advertisement if any(":" in gateway for gateway in gateways) else None
    rows.child(router, "ports", "Logical_Router_Port", {"name": port}, {
        "mac": mac_of(gateways[0]), "networks": list(gateways), "ipv6_ra_configs": dict(advertised or {}),
    })  # fmt: skip
    rows.child(switch, "ports", "Logical_Switch_Port", {"name": f"stor-{switch.name}"}, {
        "type": "router", "addresses": ["router"], "options": {"router-port": port},
    })  # fmt: skip


def _manage(rows: Rows, network: Layer3, switch: Any, node: str) -> None:
    addresses = network.management_ips(node)
    hosts = [address.partition("/")[0] for address in addresses]
    rows.child(switch, "ports", "Logical_Switch_Port", {"name": names.management_port(network.name, node)}, {
        "addresses": [" ".join([mac_of(hosts[0]), *hosts])],
    })  # fmt: skip
    admit_node(rows, switch, hosts)
