"""From a pod's annotations to its NICs, and from its NICs to the status that other software reads. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

from lab.config import CLUSTER_MTU
from lab.controllers.kubevirt.launcher import MIGRATION_LABEL
from lab.nodes.sandbox import Interface, Route

Object = dict[str, Any]

POD_NETWORKS = "k8s.ovn.org/pod-networks"
SELECTION = "k8s.v1.cni.cncf.io/networks"
NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status"
DEFAULT, PRIMARY = "default", "primary"


def ready(pod: Object) -> bool:
    """Whether the networks controller has given the pod its networks: it writes all of them at once."""
    return POD_NETWORKS in (pod["metadata"].get("annotations") or {})


def interfaces(pod: Object) -> tuple[Interface, ...]:
    """The pod's NICs: ``eth0``, then the primary network's, then secondaries as they were asked for.

    Raises ``ValueError`` if the annotation is not what the networks controller writes.
    """
    annotations = pod["metadata"].get("annotations") or {}
    try:
        entries = json.loads(annotations.get(POD_NETWORKS) or "{}")
        names = _secondary_names(pod, entries)
        found = [_interface(network, entry, names) for network, entry in entries.items()]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"annotation {POD_NETWORKS} cannot be read: {error!r}") from error
    order = {"eth0": 0, "ovn-udn1": 1}
    return tuple(
        sorted(found, key=lambda interface: (order.get(interface.name, 2), list(entries).index(interface.network)))
    )


def as_configured(pod: Object, nics: tuple[Interface, ...]) -> tuple[Interface, ...]:
    """The NICs with the addresses and routes that the pod's own kernel gets.

    While a guest moves, its port is bound at two nodes. A kernel with the guest's address in the target's pod would
    answer for the guest, which still lives in the source's, and reset its sessions: there it gets none.
    """
    if MIGRATION_LABEL not in (pod["metadata"].get("labels") or {}):
        return nics
    return tuple(nic if nic.network == DEFAULT else replace(nic, ips=(), routes=(), gateways=()) for nic in nics)


def network_status(nics: Iterable[Interface]) -> str:
    """The value of ``k8s.v1.cni.cncf.io/network-status``, as Multus and OVN-Kubernetes write it."""
    nics = tuple(nics)
    default = PRIMARY if any(nic.role == PRIMARY for nic in nics) else DEFAULT
    entries = []
    for nic in nics:
        own = nic.network == DEFAULT or nic.role == PRIMARY
        name = "ovn-kubernetes" if own else "/".join(nic.network.split("/")[:2])
        entry: Object = {
            "name": name,
            "interface": nic.name,
            "ips": [str(ip_interface(ip).ip) for ip in nic.ips],
            "mac": nic.mac,
        }
        if default in (nic.role, nic.network):
            entry["default"] = True
        entries.append({**entry, "dns": {}})
    return json.dumps(entries, indent=4)


def _secondary_names(pod: Object, entries: Object) -> dict[str, str]:
    # Multus numbers NICs by their place in the list; a second attachment to one network is keyed …/1.
    text = (pod["metadata"].get("annotations") or {}).get(SELECTION) or ""
    names: dict[str, str] = {}
    seen: dict[str, int] = {}
    for number, (key, asked) in enumerate(_selected(text, pod["metadata"]["namespace"]), start=1):
        times = seen.get(key, 0)
        seen[key] = times + 1
        names[f"{key}/{times}" if times else key] = asked or f"net{number}"
    unasked = (key for key, entry in entries.items() if _is_secondary(key, entry) and key not in names)
    for number, key in enumerate(unasked, start=len(names) + 1):
        names[key] = f"net{number}"
    return names


def _selected(text: str, namespace: str) -> list[tuple[str, str]]:
    if text.lstrip().startswith("["):
        return [
            (f"{element.get('namespace') or namespace}/{element['name']}", element.get("interface") or "")
            for element in json.loads(text)
        ]
    found = []
    for element in filter(None, (part.strip() for part in text.split(","))):
        name, _, interface = element.partition("@")
        found.append((name if "/" in name else f"{namespace}/{name}", interface))
    return found


def _is_secondary(network: str, entry: Object) -> bool:
    return network != DEFAULT and entry.get("role") != PRIMARY


def _interface(network: str, entry: Object, names: dict[str, str]) -> Interface:
    name = "eth0" if network == DEFAULT else "ovn-udn1" if entry.get("role") == PRIMARY else names[network]
    return Interface(
        name=name,
        network=network,
        mac=entry["mac_address"],
        ips=tuple(entry.get("ip_addresses") or ()),
        mtu=int(entry.get("mtu") or CLUSTER_MTU),
        gateways=tuple(entry.get("gateway_ips") or ()),
        iface_id=entry["iface_id"],
        role=entry.get("role") or (PRIMARY if network == DEFAULT else "secondary"),
        routes=tuple(Route(route["dest"], route["nextHop"]) for route in entry.get("routes") or ()),
    )


def default_route_owner(nics: Iterable[Interface]) -> str:
    """Name of the NIC that holds the default route: never ``eth0`` when there is a primary network beside it."""
    names = [nic.name for nic in nics if nic.role == PRIMARY]
    return names[-1] if names else "eth0"


def with_host_sides(nics: Iterable[Interface], pod_uid: str) -> tuple[Interface, ...]:
    """The NICs with the names of their other ends, unique on the node."""
    return tuple(replace(nic, host_side=f"{pod_uid[:8]}_{number}") for number, nic in enumerate(nics))
