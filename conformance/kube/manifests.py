"""The objects that tests create, as pure functions: values in, dicts out. Each carries the label of its run.

Shapes: KubeVirt's ``kubevirt.io/v1``, OVN-Kubernetes' ``k8s.ovn.org/v1``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from conformance.kube.api import RUN_LABEL, Object
from conformance.kube.resources import CUDNS, MIGRATIONS, NADS, NAMESPACES, PODS, SERVICES, UDNS, Resource

PRIMARY_NETWORK_LABEL = "k8s.ovn.org/primary-user-defined-network"
HOSTNAME = "kubernetes.io/hostname"
GROUP_LABEL = "udn-conformance/apart"
MACHINE_LABEL = "udn-conformance/machine"

Topology = Literal["Layer2", "Layer3", "Localnet"]
Role = Literal["Primary", "Secondary"]


def labelled(
    resource: Resource, name: str, run_id: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
) -> Object:
    """An object's head: apiVersion, kind and metadata, with the run's label."""
    metadata: dict[str, Any] = {"name": name, "labels": {**(labels or {}), RUN_LABEL: run_id}}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}


def namespace(name: str, run_id: str, primary_udn: bool = True, labels: Mapping[str, str] | None = None) -> Object:
    """A namespace; ``primary_udn`` gives it the label that must be there from its creation."""
    own = {PRIMARY_NETWORK_LABEL: ""} if primary_udn else {}
    return labelled(NAMESPACES, name, run_id, labels={**(labels or {}), **own})


def udn(
    name: str,
    namespace: str,
    run_id: str,
    subnets: Sequence[Any] = (),
    topology: Topology = "Layer2",
    role: Role = "Primary",
    persistent: bool = True,
    mtu: int | None = None,
    **more: Any,
) -> Object:
    """A UserDefinedNetwork; ``more`` goes into the topology's section (``joinSubnets``, ``ipam``…) as it is."""
    spec = network(topology, role, subnets, persistent, mtu, **more)
    return labelled(UDNS, name, run_id, namespace) | {"spec": spec}


def cudn(
    name: str,
    run_id: str,
    selector: Mapping[str, Any],
    subnets: Sequence[Any] = (),
    topology: Topology = "Layer2",
    role: Role = "Primary",
    persistent: bool = True,
    mtu: int | None = None,
    **more: Any,
) -> Object:
    """A ClusterUserDefinedNetwork for the namespaces of ``selector`` (a label selector)."""
    spec = {"namespaceSelector": dict(selector), "network": network(topology, role, subnets, persistent, mtu, **more)}
    return labelled(CUDNS, name, run_id) | {"spec": spec}


def network(
    topology: Topology, role: Role, subnets: Sequence[Any], persistent: bool, mtu: int | None, **more: Any
) -> Object:
    """The part that UDN and CUDN share. Layer3 subnets are ``{cidr, hostSubnet}``, the others' CIDRs.

    Persistence exists on Layer2 and Localnet only; it is left out on Layer3.
    """
    section: dict[str, Any] = {"role": role}
    if subnets:
        section["subnets"] = list(subnets)
    if mtu is not None:
        section["mtu"] = mtu
    if persistent and topology != "Layer3":
        section["ipam"] = {"lifecycle": "Persistent"}
    section.update(more)
    return {"topology": topology, topology.lower(): section}


def attachment(name: str, namespace: str, run_id: str, config: Mapping[str, Any]) -> Object:
    """A NetworkAttachmentDefinition with that CNI configuration."""
    return labelled(NADS, name, run_id, namespace) | {"spec": {"config": json.dumps(dict(config))}}


def pod(
    name: str,
    namespace: str,
    run_id: str,
    image: str,
    command: Sequence[str] = ("sleep", "infinity"),
    node: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """A pod with one container, ``main``, that does nothing until it is told; fit for the restricted profile."""
    obj = labelled(PODS, name, run_id, namespace, labels)
    if annotations:
        obj["metadata"]["annotations"] = dict(annotations)
    container = {
        "name": "main",
        "image": image,
        "command": list(command),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    obj["spec"] = {"containers": [container], "terminationGracePeriodSeconds": 1, **on_node(node)}
    return obj


def service(
    name: str,
    namespace: str,
    run_id: str,
    selector: Mapping[str, str],
    ports: Sequence[Mapping[str, Any]],
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP",
    **more: Any,
) -> Object:
    """A Service; ``more`` goes into its spec (``clusterIP``, ``ipFamilyPolicy``…) as it is."""
    spec = {"type": type, "selector": dict(selector), "ports": [dict(port) for port in ports], **more}
    return labelled(SERVICES, name, run_id, namespace) | {"spec": spec}


def service_port(port: int, target: int, protocol: Literal["TCP", "UDP"] = "TCP") -> Object:
    """One port of a service, named as several must be."""
    return {"name": f"{protocol.lower()}-{port}", "port": port, "targetPort": target, "protocol": protocol}


def pod_in_charge_of_its_nics(
    name: str, namespace: str, run_id: str, image: str, readiness_port: int, node: str | None = None
) -> Object:
    """A pod that may take its own NICs down, and is ready while somebody in it listens on a TCP port.

    It runs as root with ``NET_ADMIN``: more than the restricted profile allows.
    """
    obj = pod(name, namespace, run_id, image, node=node)
    container = obj["spec"]["containers"][0]
    container["securityContext"] = {"runAsUser": 0, "capabilities": {"add": ["NET_ADMIN"]}}
    container["readinessProbe"] = {
        "tcpSocket": {"port": readiness_port},
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "failureThreshold": 2,
    }
    return obj


def on_node(node: str | None) -> dict[str, Any]:
    """The part of a pod's (or a VM template's) spec that ties it to a node; nothing for ``None``."""
    return {"nodeSelector": {HOSTNAME: node}} if node else {}


def apart(group: str) -> dict[str, Any]:
    """The part of a spec that puts members of ``group`` (label ``udn-conformance/apart``) on different nodes.

    As a preference: required, it would forbid a member to migrate wherever all other nodes have one.
    """
    term = {"labelSelector": {"matchLabels": {GROUP_LABEL: group}}, "topologyKey": HOSTNAME}
    preference = {"weight": 100, "podAffinityTerm": term}
    return {"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preference]}}}


def migration(name: str, namespace: str, run_id: str, vmi: str, to: str | None = None) -> Object:
    """A VirtualMachineInstanceMigration of ``vmi``; ``to`` adds a node selector by host name."""
    spec: dict[str, Any] = {"vmiName": vmi}
    if to is not None:
        spec["addedNodeSelector"] = {HOSTNAME: to}
    return labelled(MIGRATIONS, name, run_id, namespace) | {"spec": spec}


def label_patch(label: str, value: str | None) -> dict[str, Any]:
    """The merge patch that sets a label, or takes it off for ``None``."""
    return {"metadata": {"labels": {label: value}}}
