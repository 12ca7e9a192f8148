"""NetworkPolicies and their parts, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.kube.api import Object
from conformance.kube.manifests import labelled
from conformance.kube.resources import NETWORK_POLICIES

#: KubeVirt's label of a VM's pod, by which a policy can select one VM.
VM_NAME_LABEL = "vm.kubevirt.io/name"
NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


def network_policy(name: str, namespace: str, run_id: str, spec: Mapping[str, Any]) -> Object:
    """A NetworkPolicy."""
    return labelled(NETWORK_POLICIES, name, run_id, namespace) | {"spec": dict(spec)}


def deny_all() -> Object:
    """Nothing comes in and nothing goes out, for all pods of the namespace."""
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def allow_ingress(peers: Sequence[Object], ports: Sequence[Object] = (), to: Mapping[str, str] | None = None) -> Object:
    """Only ``peers`` come in, on ``ports`` if any are given, to the pods with the labels ``to`` (without: to all)."""
    rule: Object = {"from": list(peers), **({"ports": list(ports)} if ports else {})}
    return {"podSelector": _labels(to), "policyTypes": ["Ingress"], "ingress": [rule]}


def pods(labels: Mapping[str, str] | None = None) -> Object:
    """The peers that are pods of the policy's namespace with those labels; without, all of them."""
    return {"podSelector": _labels(labels)}


def pods_of_namespace(name: str) -> Object:
    """The peers that are pods of a namespace."""
    return {"namespaceSelector": _labels({NAMESPACE_NAME_LABEL: name})}


def port(protocol: str, number: int) -> Object:
    """A port of a rule; ``protocol`` is ``tcp`` or ``udp``."""
    return {"protocol": protocol.upper(), "port": number}


def _labels(labels: Mapping[str, str] | None) -> Object:
    return {"matchLabels": dict(labels)} if labels else {}
