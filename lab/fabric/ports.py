"""What a workload's port is in OVN: addresses, port security, DHCP, and the nodes at which it may appear."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from lab.fabric import names
from lab.fabric.filters import lock
from lab.fabric.model import Port, mac_of
from lab.fabric.rows import Rows

# DHCP as OVN-Kubernetes serves it to virtual machines on a primary Layer2 network.
DHCP_SERVER = {"server_id": "169.254.1.1", "server_mac": "0a:58:a9:fe:01:01", "lease_time": "3500"}
# Router and MTU are advertised. The name that OVN-Kubernetes gives as well is an option that OVN 23.03 does not know.
DHCPV6_SERVER = {"server_id": mac_of("fe80::1")}


class NoSuchNetwork(LookupError):
    """A port was asked for on a network that the fabric does not have."""


def ensure_port(rows: Rows, port: Port) -> None:
    """The port, on the switch of its network (on a Layer3 network: of its node)."""
    switch = rows.decide("fabric.switch-of-port", _switch(rows, port))
    addresses = " ".join([port.mac, *port.ips])
    columns: dict[str, Any] = {
        "addresses": [addresses, "unknown"] if port.unknown else [addresses],
        "port_security": [addresses],
        "enabled": port.enabled,
        "options": _options(port),
        "external_ids": {names.PORT_KEY: port.name},
        "dhcpv4_options": _dhcp(rows, switch, port, 4) if port.dhcp else [],
        "dhcpv6_options": _dhcp(rows, switch, port, 6) if port.dhcp else [],
    }
    row = rows.child(switch, "ports", "Logical_Switch_Port", {"name": port.name}, columns)
    if port.locked and rows.decide("fabric.lock", True):
        lock(rows, row)
    if not port.dhcp:
        _delete_dhcp(rows, port.name)


def delete_port(rows: Rows, name: str) -> None:
    """Take the port away; nothing happens if there is none."""
    for switch in rows.all("Logical_Switch"):
        for port in switch.ports:
            if port.name == name:
                switch.delvalue("ports", port)
    _delete_dhcp(rows, name)


def read_port(row: Any) -> Port:
    """The port that a row stands for."""
    mac, *ips = row.port_security[0].split() if row.port_security else [""]
    chassis = row.options.get("requested-chassis", "")
    return Port(
        name=row.name,
        network=row.external_ids[names.NETWORK_KEY],
        mac=mac,
        ips=tuple(ips),
        nodes=tuple(chassis.split(",")) if chassis else (),
        dhcp=bool(row.dhcpv4_options or row.dhcpv6_options),
        hostname=row.dhcpv4_options[0].options.get("hostname", "").strip('"') or None if row.dhcpv4_options else None,
        enabled=row.enabled != [False],
        unknown="unknown" in row.addresses,
    )


def _options(port: Port) -> dict[str, str]:
    options = {}
    if port.nodes:
        options["requested-chassis"] = ",".join(port.nodes)
    if len(port.nodes) > 1:
        options["activation-strategy"] = "rarp"
    return options


def _switch(rows: Rows, port: Port) -> Any:
    for switch in rows.owned("Logical_Switch", names.NETWORK_KEY, port.network):
        node = switch.external_ids.get("k8s.ovn.org/node")
        if node is None or node in port.nodes[:1]:
            return switch
    where = f" at node {port.nodes[0]}" if port.nodes else ""
    raise NoSuchNetwork(f"port {port.name}: no switch of network {port.network}{where}; ensure the network first")


def _dhcp(rows: Rows, switch: Any, port: Port, version: int) -> list[Any]:
    """What DHCP of an IP version serves at a port; nothing without an address of it."""
    ids = switch.external_ids
    address = next((ip for ip in map(ip_address, port.ips) if ip.version == version), None)
    if address is None:
        return []
    subnet = next(s for s in ids["subnets"].split() if address in ip_network(s))
    servers = [server for server in ids.get("dns", "").split() if ip_address(server).version == version]
    options = _dhcpv4(ids, port) if version == 4 else dict(DHCPV6_SERVER)
    if servers:
        options["dns_server"] = "{" + ", ".join(servers) + "}" if len(servers) > 1 else servers[0]
    mine = rows.owned("DHCP_Options", names.PORT_KEY, port.name)
    present = next((row for row in mine if ip_network(row.cidr).version == version), None)
    columns = {"cidr": subnet, "options": options, "external_ids": {names.PORT_KEY: port.name}}
    return [rows.write("DHCP_Options", present, columns)]


def _dhcpv4(ids: Mapping[str, str], port: Port) -> dict[str, str]:
    options = dict(DHCP_SERVER)
    routers = [str(ip_interface(g).ip) for g in ids.get("gateways", "").split() if ip_interface(g).version == 4]
    if routers:
        options["router"] = routers[0]
    if "mtu" in ids:
        options["mtu"] = ids["mtu"]
    if port.hostname:
        options["hostname"] = f'"{port.hostname}"'
    return options


def _delete_dhcp(rows: Rows, port: str) -> None:
    for row in rows.owned("DHCP_Options", names.PORT_KEY, port):
        row.delete()
