"""From a UserDefinedNetwork or ClusterUserDefinedNetwork to the attachment that stands for it.

The configuration's keys, defaults and the checks against the cluster's own ranges are those of OVN-Kubernetes
(``pkg/clustermanager/userdefinednetwork/template``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from lab.config import (
    CLUSTER_SUBNETS,
    JOIN_SUBNETS,
    MASQUERADE_SUBNETS,
    SERVICE_SUBNETS,
    TRANSIT_SUBNETS,
    UDN_JOIN_SUBNETS,
)
from lab.controllers.networks.definition import OVERLAY
from lab.resources import CUDNS, UDNS

Object = dict[str, Any]

FINALIZER = "k8s.ovn.org/user-defined-network-protection"
NAD_LABEL = "k8s.ovn.org/user-defined-network"
_LOCALNET_MTU = 1500
_RESERVED = tuple(
    (name, subnet)
    for name, subnets in (
        ("cluster subnet", CLUSTER_SUBNETS),
        ("service subnet", SERVICE_SUBNETS),
        ("built-in join subnet", JOIN_SUBNETS),
        ("masquerade subnet", MASQUERADE_SUBNETS),
        ("transit switch subnet", TRANSIT_SUBNETS),
    )
    for subnet in subnets
)
_UNRENDERED = "failed to generate NetworkAttachmentDefinition: failed to render CNI network config: "
_INVALID_SUBNETS = "invalid subnet configuration: "
_OVERLAPS = "pod or join subnet overlaps with already configured internal subnets: "


@dataclass(frozen=True)
class Rules:
    """What a network must keep to: the cluster's address families, ranges, by the names that messages give them, that
    it may not overlap, and the prefix length of a node's part of an IPv6 subnet."""

    families: tuple[int, ...] = (4, 6)
    reserved: tuple[tuple[str, str], ...] = _RESERVED
    ipv6_host_subnet: int | None = 64


RULES = Rules()


class SyncError(Exception):
    """A network that cannot be: the message goes into its condition as it is."""


def network_spec(owner: Object) -> Object:
    """The part that both kinds share: ``{topology, layer2|layer3|localnet}``."""
    spec = owner["spec"]
    return dict(spec["network"] if owner["kind"] == CUDNS.kind else spec)


def details(owner: Object) -> Object:
    """What stands under ``layer2``, ``layer3`` or ``localnet``."""
    spec = network_spec(owner)
    return dict(spec[str(spec["topology"]).lower()])


def is_primary(owner: Object) -> bool:
    """Whether the network is to be its namespaces' primary one."""
    return bool(details(owner).get("role") == "Primary")


def network_name(owner: Object) -> str:
    """The name by which all of OVN-Kubernetes knows the network."""
    metadata = owner["metadata"]
    if owner["kind"] == CUDNS.kind:
        return f"cluster_udn_{metadata['name']}"
    return f"{metadata['namespace']}_{metadata['name']}"


def attachment(owner: Object, namespace: str, rules: Rules = RULES) -> Object:
    """The NAD of a network in one namespace; raises :class:`SyncError` if there can be none."""
    metadata = owner["metadata"]
    config = cni_config(owner, namespace, rules)
    api_version = (CUDNS if owner["kind"] == CUDNS.kind else UDNS).api_version
    return {
        "metadata": {
            "name": metadata["name"],
            "namespace": namespace,
            "labels": {NAD_LABEL: ""},
            "finalizers": [FINALIZER],
            "ownerReferences": [
                {
                    "apiVersion": api_version,
                    "kind": owner["kind"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"config": json.dumps(config, separators=(",", ":"))},
    }


def cni_config(owner: Object, namespace: str, rules: Rules = RULES) -> Object:
    """The CNI configuration; raises :class:`SyncError` as :func:`attachment`."""
    topology = str(network_spec(owner)["topology"])
    spec = details(owner)
    primary = is_primary(owner)
    subnets = _subnets(topology, spec)
    joins = list(spec.get("joinSubnets") or (UDN_JOIN_SUBNETS if primary else ()))
    _check_host_subnets(topology, spec, rules)
    _check(owner, topology, primary, [entry[0] for entry in subnets], joins, rules)
    config: Object = {
        "cniVersion": "1.1.0",
        "type": OVERLAY,
        "name": network_name(owner),
        "netAttachDefName": f"{namespace}/{owner['metadata']['name']}",
        "topology": topology.lower(),
        "role": str(spec["role"]).lower(),
    }
    ipam = spec.get("ipam") or {}
    vlan = (spec.get("vlan") or {}).get("access") or {}
    optional: Object = {
        "mtu": spec.get("mtu") or (_LOCALNET_MTU if topology == "Localnet" else None),
        "joinSubnet": ",".join(joins),
        "subnets": ",".join(entry[1] for entry in subnets),
        "allowPersistentIPs": ipam.get("lifecycle") == "Persistent",
        "physicalNetworkName": spec.get("physicalNetworkName"),
        "excludeSubnets": ",".join(spec.get("excludeSubnets") or ()),
        "reservedSubnets": ",".join(spec.get("reservedSubnets") or ()),
        "infrastructureSubnets": ",".join(spec.get("infrastructureSubnets") or ()),
        "defaultGatewayIPs": ",".join(spec.get("defaultGatewayIPs") or ()),
        "vlanID": vlan.get("id"),
    }
    return {**config, **{key: value for key, value in optional.items() if value}}


def _subnets(topology: str, spec: Object) -> list[tuple[str, str]]:
    """Each subnet as CIDR, and as the configuration writes it."""
    entries = spec.get("subnets") or ()
    if topology != "Layer3":
        return [(str(entry), str(entry)) for entry in entries]
    return [
        (str(entry["cidr"]), f"{entry['cidr']}/{entry['hostSubnet']}" if "hostSubnet" in entry else str(entry["cidr"]))
        for entry in entries
    ]


def _check_host_subnets(topology: str, spec: Object, rules: Rules) -> None:
    length = rules.ipv6_host_subnet
    if topology != "Layer3" or length is None:
        return
    for entry in spec["subnets"]:
        if ip_network(entry["cidr"], strict=False).version == 6 and entry.get("hostSubnet", length) != length:
            raise SyncError(f"{_UNRENDERED}{_INVALID_SUBNETS}IPv6 only supports /{length} host subnets")


def _check(owner: Object, topology: str, primary: bool, subnets: list[str], joins: list[str], rules: Rules) -> None:
    if any(ip_network(subnet, strict=False).version not in rules.families for subnet in subnets):
        name = network_name(owner)
        raise SyncError(f"network {name} is attempting to use ipv6 subnets but the cluster does not support ipv6")
    if topology == "Localnet":
        _check_excluded(subnets, details(owner).get("excludeSubnets") or ())
        return
    prefix = "" if topology == "Layer2" and primary else _INVALID_SUBNETS
    overlap = _overlap(subnets, joins, rules)
    if overlap:
        raise SyncError(f"{_UNRENDERED}{prefix}{_OVERLAPS}{overlap}")


def _check_excluded(subnets: list[str], excluded: Iterable[str]) -> None:
    for text in excluded:
        inner = ip_network(text, strict=False)
        outers = [ip_network(subnet, strict=False) for subnet in subnets]
        if not any(
            outer.version == inner.version
            and int(outer.network_address) <= int(inner.network_address)
            and int(inner.broadcast_address) <= int(outer.broadcast_address)
            for outer in outers
        ):
            raise SyncError(f"{_UNRENDERED}the provided network subnets do not contain excluded subnets {text}")


def _overlap(subnets: list[str], joins: list[str], rules: Rules) -> str | None:
    asked = [("user defined subnet", subnet) for subnet in subnets]
    asked += [("user defined join subnet", subnet) for subnet in joins]
    for index, (kind, subnet) in enumerate(asked):
        for other_kind, other in (*rules.reserved, *asked[:index]):
            one, two = ip_network(subnet, strict=False), ip_network(other, strict=False)
            if one.version == two.version and one.overlaps(two):
                return f'{kind} "{subnet}" overlaps {other_kind} "{other}"'
    return None
