"""The networks of a pod, as OVN-Kubernetes and Multus write them into its annotations.

Source: OVN-Kubernetes' annotation ``k8s.ovn.org/pod-networks`` and the network plumbing group's
``k8s.v1.cni.cncf.io/network-status``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from conformance.kube.api import Object

POD_NETWORKS = "k8s.ovn.org/pod-networks"
NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status"


@dataclass(frozen=True)
class PodNetwork:
    """One attachment of a pod: addresses without their prefix lengths, the primary family first."""

    key: str
    role: str
    addresses: tuple[str, ...]
    mac: str
    gateways: tuple[str, ...]

    @property
    def address(self) -> str:
        """The first address; empty if the network gives none."""
        return self.addresses[0] if self.addresses else ""

    @property
    def name(self) -> str:
        """Name of the attachment definition, without its namespace."""
        return self.key.rpartition("/")[2]


def pod_networks(pod: Object) -> tuple[PodNetwork, ...]:
    """All attachments of a pod; empty while none is made."""
    text = _annotation(pod, POD_NETWORKS)
    entries: dict[str, dict[str, Any]] = json.loads(text) if text else {}
    return tuple(_network(key, entry) for key, entry in entries.items())


def default_network(pod: Object) -> PodNetwork | None:
    """The attachment to the cluster's default network."""
    return next((network for network in pod_networks(pod) if network.key == "default"), None)


def primary_network(pod: Object) -> PodNetwork | None:
    """The attachment to a primary user-defined network, if there is one."""
    return next((net for net in pod_networks(pod) if net.key != "default" and net.role == "primary"), None)


def default_interface(pod: Object) -> str | None:
    """The pod's NIC that carries its default route: the entry marked default, whatever its name."""
    text = _annotation(pod, NETWORK_STATUS)
    statuses: list[dict[str, Any]] = json.loads(text) if text else []
    return next((str(status["interface"]) for status in statuses if status.get("default")), None)


def _annotation(pod: Object, name: str) -> str | None:
    text = (pod["metadata"].get("annotations") or {}).get(name)
    return str(text) if text else None


def _network(key: str, entry: dict[str, Any]) -> PodNetwork:
    cidrs = entry.get("ip_addresses") or ([entry["ip_address"]] if entry.get("ip_address") else [])
    gateways = entry.get("gateway_ips") or ([entry["gateway_ip"]] if entry.get("gateway_ip") else [])
    return PodNetwork(
        key=key,
        role=str(entry.get("role", "primary" if key == "default" else "")),
        addresses=tuple(str(cidr).partition("/")[0] for cidr in cidrs),
        mac=str(entry.get("mac_address", "")).lower(),
        gateways=tuple(str(gateway) for gateway in gateways),
    )
