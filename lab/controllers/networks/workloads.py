"""What a pod is to the networks: a workload of its own, or the present home of a virtual machine.

A virtual machine's port outlives its pods: source and target of a migration share it, so its name is made of the
machine's name. Pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.controllers.networks.definition import Attachment
from lab.controllers.runtime import Key

Object = dict[str, Any]

LAUNCHER_LABELS = {"kubevirt.io": "virt-launcher"}
DOMAIN = "kubevirt.io/domain"
CREATED_BY = "kubevirt.io/created-by"
TARGET_READY = "kubevirt.io/migration-target-ready-timestamp"
PRIMARY_CLAIM = "k8s.ovn.org/primary-udn-ipamclaim"
DEFAULT_NETWORK = "v1.multus-cni.io/default-network"
SECONDARY_NETWORKS = "k8s.v1.cni.cncf.io/networks"
_MACHINE = "vm/"


@dataclass(frozen=True)
class Request:
    """What a pod asks of one network: addresses with prefix length, a MAC, a claim."""

    addresses: tuple[str, ...] = ()
    mac: str | None = None
    claim: str | None = None


def annotations_of(obj: Object) -> Object:
    """The annotations of an object."""
    return obj["metadata"].get("annotations") or {}


def is_launcher(pod: Object) -> bool:
    """Whether a virtual machine lives in the pod."""
    labels = pod["metadata"].get("labels") or {}
    return LAUNCHER_LABELS.items() <= labels.items() and DOMAIN in annotations_of(pod)


def workload_of(pod: Object) -> Key:
    """The workload that a pod belongs to: ``vm/<name>`` for all launchers of a machine, else ``pod/<name>``."""
    metadata = pod["metadata"]
    name = f"{_MACHINE}{annotations_of(pod)[DOMAIN]}" if is_launcher(pod) else f"pod/{metadata['name']}"
    return Key(metadata["namespace"], name)


def machine_of(key: Key) -> str | None:
    """The name of the virtual machine that a workload is, or None."""
    return key.name.removeprefix(_MACHINE) if key.name.startswith(_MACHINE) else None


def owner_of(pod: Object) -> str:
    """Who holds a pod's address on a network where no claim does: the machine's run, or the pod."""
    run = (pod["metadata"].get("labels") or {}).get(CREATED_BY)
    return f"vmi/{run}" if is_launcher(pod) and run else holder_of(pod)


def holder_of(pod: Object) -> str:
    """The pod itself, as holder of an address that no other pod of its workload gets."""
    return f"pod/{pod['metadata']['uid']}"


def moves_on(pod: Object, topology: str) -> bool:
    """Whether a pod's port and address on a network of that topology are its machine's, and move with it.

    On Layer3 each node has addresses of its own, so each pod gets one there, whatever lives in it.
    """
    return is_launcher(pod) and topology != "layer3"


def default_port(pod: Object) -> str:
    """Name of a pod's port on the default network."""
    return f"{pod['metadata']['namespace']}_{pod['metadata']['name']}"


def network_port(pod: Object, attachment: Attachment) -> str:
    """Name of a workload's port on a network: of a pod by its name, of a machine that moves by the machine's."""
    namespace = pod["metadata"]["namespace"]
    machine = annotations_of(pod)[DOMAIN] if moves_on(pod, attachment.definition.topology) else None
    place = f"vm_{machine}" if machine else pod["metadata"]["name"]
    return f"{attachment.namespace}.{attachment.name}_{namespace}_{place}"


def launchers_of_run(pods: Sequence[Object]) -> list[Object]:
    """Of a machine's launchers, those of its newest run, the oldest first."""
    ordered = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    if not ordered:
        return []
    run = owner_of(ordered[-1])
    return [pod for pod in ordered if owner_of(pod) == run]


def port_nodes(pods: Sequence[Object], home: str | None) -> tuple[str, ...]:
    """Where a machine's port belongs, given its live pods of one run, the oldest first.

    One pod: its node. While it migrates: from the source to the target, which is the newest pod; to the target alone
    as soon as that says that it is ready, or when the machine's ``home`` (``status.nodeName``) has moved there.
    """
    if not pods:
        return ()
    target = pods[-1]
    there = str(target["spec"]["nodeName"])
    others = [str(pod["spec"]["nodeName"]) for pod in pods[:-1] if pod["spec"]["nodeName"] != there]
    if not others or home == there or TARGET_READY in annotations_of(target):
        return (there,)
    return (home if home in others else others[-1], there)


def default_request(pod: Object) -> Request:
    """What a pod asks of its primary network; ``ValueError`` for an annotation that cannot be read."""
    claim = annotations_of(pod).get(PRIMARY_CLAIM)
    text = annotations_of(pod).get(DEFAULT_NETWORK)
    if not text:
        return Request(claim=claim)
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"annotation {DEFAULT_NETWORK} is not JSON: {error}") from error
    item = items[0] if isinstance(items, list) and items else {}
    return Request(tuple(item.get("ips") or ()), item.get("mac"), item.get("ipam-claim-reference") or claim)


def secondary_requests(pod: Object) -> list[tuple[str, Request]]:
    """The secondary networks that a pod asks for, in order, as ``ns/nad`` and the request."""
    text = str(annotations_of(pod).get(SECONDARY_NETWORKS) or "").strip()
    namespace = pod["metadata"]["namespace"]
    if not text:
        return []
    if not text.startswith("["):
        names = (part.strip().split("@")[0] for part in text.split(","))
        return [(name if "/" in name else f"{namespace}/{name}", Request()) for name in names]
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"annotation {SECONDARY_NETWORKS} is not JSON: {error}") from error
    return [
        (
            f"{item.get('namespace') or namespace}/{item['name']}",
            Request(tuple(item.get("ips") or ()), item.get("mac"), item.get("ipam-claim-reference")),
        )
        for item in items
    ]


def same_workload(pods: Iterable[Object], key: Key) -> list[Object]:
    """The pods of one workload that have interfaces of their own."""
    return [pod for pod in pods if not pod["spec"].get("hostNetwork") and workload_of(pod) == key]
