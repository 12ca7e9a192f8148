"""What passes at ports, in OVN: a port group, ACLs that drop what no rule allows, and address sets of who may.

As OVN-Kubernetes does it: drops at one priority, what is allowed above it, so several filters on one port allow what
any of them allows. Replies pass by connection tracking, ARP and neighbour discovery always. What leaves is judged
after load balancing, by the address of the backend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Any

from lab.fabric import names
from lab.fabric.model import Allow, Filter, PortRange
from lab.fabric.rows import Rows

FILTER_KEY = "k8s.ovn.org/filter"
LOCKED = "udn-isolation"
_DROP, _ALLOW = 1000, 1001
_NEIGHBOURS = "(arp || nd)"
_INGRESS = ("to-lport", "outport", "src")
_EGRESS = ("from-lport", "inport", "dst")
_DIRECTIONS = (("ingress", _INGRESS), ("egress", _EGRESS))


def ensure_filter(rows: Rows, filter: Filter) -> None:
    """The filter, at those of its ports that there are."""
    ports = [port for name in filter.ports if (port := rows.find("Logical_Switch_Port", name)) is not None]
    group = _group(rows, filter.name, {"ports": ports})
    # Also what makes OVN follow sessions: a switch that only drops would drop replies as well.
    wanted = [_admit(rows, group, address, group) for address in _node_addresses(rows, filter.network)]
    sets: list[Any] = []
    for (kind, direction), allowed in zip(_DIRECTIONS, (filter.ingress, filter.egress), strict=True):
        if allowed is None:
            continue
        wanted += _drops(rows, group, direction)
        for number, allow in enumerate(allowed):
            peers, made = _peers(rows, filter.name, f"{kind}-{number}", direction, allow)
            sets += made
            wanted.append(_allow(rows, group, direction, [*peers, *_services(allow.ports)]))
    for acl in rows.children(group, "acls"):
        if acl not in wanted:
            group.delvalue("acls", acl)
    for row in rows.owned("Address_Set", FILTER_KEY, filter.name):
        if row not in sets:
            row.delete()


def delete_filter(rows: Rows, name: str) -> None:
    """No filter of that name; what its ports let through is no more its business."""
    for table in ("Port_Group", "Address_Set"):
        for row in rows.owned(table, FILTER_KEY, name):
            row.delete()


def lock(rows: Rows, port: Any) -> None:
    """Nothing passes the port but what other filters allow, and what its own node asks."""
    group = _group(rows, LOCKED, {})
    for _, direction in _DIRECTIONS:
        _drops(rows, group, direction)
    group.addvalue("ports", port)


def admit_node(rows: Rows, switch: Any, addresses: Sequence[str]) -> None:
    """What a node's own ``addresses`` ask of the ports on its switch passes every filter: the kubelet's probes."""
    for address in addresses:
        _admit(rows, switch, address)


def _group(rows: Rows, name: str, columns: dict[str, Any]) -> Any:
    return rows.ensure("Port_Group", _identifier(name), {**columns, "external_ids": {FILTER_KEY: name}})


def _drops(rows: Rows, group: Any, direction: tuple[str, str, str]) -> list[Any]:
    where, end, _ = direction
    here = f"{end} == @{group.name}"
    return [
        _acl(rows, group, where, _DROP, here, "drop"),
        _acl(rows, group, where, _ALLOW, f"{here} && {_NEIGHBOURS}", "allow"),
    ]


def _admit(rows: Rows, holder: Any, address: str, group: Any = None) -> Any:
    here = "" if group is None else f"outport == @{group.name} && "
    return _acl(rows, holder, "to-lport", _ALLOW, f"{here}{_family(address)}.src == {address}", "allow-related")


def _node_addresses(rows: Rows, network: str) -> list[str]:
    """A node's own addresses on a network: the second of each subnet."""
    switches = rows.owned("Logical_Switch", names.NETWORK_KEY, network)
    subnets = {subnet for switch in switches for subnet in switch.external_ids.get("subnets", "").split()}
    return sorted(str(ip_network(subnet)[2]) for subnet in subnets)


def _allow(rows: Rows, group: Any, direction: tuple[str, str, str], terms: Sequence[str]) -> Any:
    where, end, _ = direction
    match = " && ".join([f"{end} == @{group.name}", "ip", *terms])
    return _acl(rows, group, where, _ALLOW, match, "allow-related")


def _acl(rows: Rows, holder: Any, direction: str, priority: int, match: str, action: str) -> Any:
    options = {"apply-after-lb": "true"} if direction == "from-lport" else {}
    key = {"direction": direction, "priority": priority, "match": match}
    return rows.child(holder, "acls", "ACL", key, {"action": action, "options": options})


def _peers(
    rows: Rows, name: str, place: str, direction: tuple[str, str, str], allow: Allow
) -> tuple[list[str], list[Any]]:
    """Terms that say who may, and the address sets that they name."""
    far = direction[2]
    near = "dst" if far == "src" else "src"
    terms, sets = [], []
    for part, addresses, end in (("peers", allow.peers, far), ("own", allow.own, near)):
        if addresses is None:
            continue
        families = []
        for family in ("ip4", "ip6"):
            label = f"{name}/{place}-{part}-{family}"
            mine = sorted(address for address in addresses if _family(address) == family)
            columns = {"addresses": mine, "external_ids": {FILTER_KEY: name}}
            sets.append(rows.ensure("Address_Set", _identifier(label), columns))
            families.append(f"{family}.{end} == ${_identifier(label)}")
        terms.append(f"({' || '.join(families)})")
    terms += [f"{_family(block)}.{far} != {block}" for block in allow.excepts]
    return terms, sets


def _services(ports: Sequence[PortRange]) -> Iterator[str]:
    if ports:
        yield f"({' || '.join(_service(port) for port in ports)})"


def _service(port: PortRange) -> str:
    protocol = "icmp4 || icmp6" if port.protocol == "icmp" else port.protocol
    if port.first is None:
        return f"({protocol})"
    return f"({protocol} && {protocol}.dst >= {port.first} && {protocol}.dst <= {port.last or port.first})"


def _family(address: str) -> str:
    return f"ip{ip_network(address, strict=False).version}"


def _identifier(name: str) -> str:
    """A name that OVN's matches can hold."""
    return f"a{hashlib.sha256(name.encode()).hexdigest()[:16]}"
