"""The virt-launcher pod of a VMI: the pod in which its guest runs, and the one to which it migrates."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from typing import Any

from lab.config import LAUNCHER_IMAGE
from lab.resources import VMIS

Object = dict[str, Any]

CREATED_BY = "kubevirt.io/created-by"
MIGRATION_LABEL = "kubevirt.io/migrationJobUID"
MIGRATION_NAME_ANNOTATION = "kubevirt.io/migrationJobName"
SCHEDULABLE = "kubevirt.io/schedulable"
# What QEMU needs beside the guest's own memory, in bytes: its code, buffers and the emulated devices.
OVERHEAD = 128 * 1024**2
DEFAULT_GRACE = 30

_KEPT_ANNOTATION = re.compile(r"^(?!lab\.udn/|kubevirt\.io/(vm-generation|latest-observed|storage-observed)).*")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def launcher_pod(vmi: Object) -> Object:
    """The pod in which the VMI's guest starts."""
    metadata, spec = vmi["metadata"], vmi["spec"]
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": _pod_name(metadata["name"], metadata["uid"]),
            "namespace": metadata["namespace"],
            "labels": _labels(vmi),
            "annotations": _annotations(vmi),
            "ownerReferences": [_owner(vmi)],
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "hostname": spec.get("hostname") or metadata["name"][:63].rstrip("-."),
            "terminationGracePeriodSeconds": spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE) + 15,
            "nodeSelector": {**(spec.get("nodeSelector") or {}), SCHEDULABLE: "true"},
            "containers": [_compute(vmi), *_disk_containers(spec)],
        },
    }
    for field in ("subdomain", "affinity", "tolerations", "schedulerName", "priorityClassName", "dnsPolicy"):
        if spec.get(field):
            pod["spec"][field] = copy.deepcopy(spec[field])
    return pod


def migration_target_pod(vmi: Object, migration: Object) -> Object:
    """The pod, on any node that does not hold the VMI now, to which a migration moves its guest."""
    pod = launcher_pod(vmi)
    metadata, job = pod["metadata"], migration["metadata"]
    metadata["name"] = _pod_name(vmi["metadata"]["name"], job["uid"])
    metadata["labels"][MIGRATION_LABEL] = job["uid"]
    metadata["annotations"][MIGRATION_NAME_ANNOTATION] = job["name"]
    pod["spec"]["nodeSelector"] = {
        **(migration["spec"].get("addedNodeSelector") or {}),
        **pod["spec"]["nodeSelector"],
    }
    apart = {
        "labelSelector": {"matchLabels": {CREATED_BY: vmi["metadata"]["uid"]}},
        "topologyKey": "kubernetes.io/hostname",
    }
    anti = pod["spec"].setdefault("affinity", {}).setdefault("podAntiAffinity", {})
    anti.setdefault("requiredDuringSchedulingIgnoredDuringExecution", []).append(apart)
    return pod


def quantity(value: object) -> int:
    """Bytes of a Kubernetes quantity such as ``128Mi``; ``ValueError`` if it is none."""
    match = re.fullmatch(r"([0-9.]+)(|[kMG]|[KMG]i)", str(value))
    if match is None:
        raise ValueError(f"not a quantity of memory: {value!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def _pod_name(vmi_name: str, uid: str) -> str:
    # Derived, not random: creating it twice is refused instead of making two. Five digits, as KubeVirt's names have,
    # are too few for that: two migrations of a VM shared them once, and the later one waited for ever.
    return f"virt-launcher-{vmi_name}-{hashlib.sha256(uid.encode()).hexdigest()[:10]}"


def _labels(vmi: Object) -> dict[str, str]:
    metadata = vmi["metadata"]
    return {
        **(metadata.get("labels") or {}),
        "kubevirt.io": "virt-launcher",
        CREATED_BY: metadata["uid"],
        "vm.kubevirt.io/name": metadata["name"],
        "vmi.kubevirt.io/id": metadata["name"],
    }


def _annotations(vmi: Object) -> dict[str, str]:
    kept = {
        key: value for key, value in (vmi["metadata"].get("annotations") or {}).items() if _KEPT_ANNOTATION.match(key)
    }
    annotations = {
        **kept,
        "kubevirt.io/domain": vmi["metadata"]["name"],
        "kubectl.kubernetes.io/default-container": "compute",
    }
    attachments = _secondary_attachments(vmi)
    if attachments:
        annotations["k8s.v1.cni.cncf.io/networks"] = json.dumps(attachments, separators=(",", ":"))
    return annotations


def _secondary_attachments(vmi: Object) -> list[Object]:
    interfaces = {i["name"]: i for i in vmi["spec"]["domain"].get("devices", {}).get("interfaces") or ()}
    attachments: list[Object] = []
    for network in vmi["spec"].get("networks") or ():
        multus = network.get("multus")
        interface = interfaces.get(network["name"])
        if not multus or multus.get("default") or interface is None or interface.get("state") == "absent":
            continue
        namespace, _, name = multus["networkName"].rpartition("/")
        attachment = {
            "name": name,
            "namespace": namespace or vmi["metadata"]["namespace"],
            "interface": "pod" + hashlib.sha256(network["name"].encode()).hexdigest()[:11],
        }
        if interface.get("macAddress"):
            attachment["mac"] = interface["macAddress"]
        attachments.append(attachment)
    return attachments


def _owner(vmi: Object) -> Object:
    return {
        "apiVersion": VMIS.api_version,
        "kind": VMIS.kind,
        "name": vmi["metadata"]["name"],
        "uid": vmi["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _compute(vmi: Object) -> Object:
    spec = vmi["spec"]
    domain = spec["domain"]
    guest = quantity((domain.get("memory") or {}).get("guest") or "128Mi")
    container: Object = {
        "name": "compute",
        "image": LAUNCHER_IMAGE,
        "command": ["/usr/bin/virt-launcher-monitor", "--name", vmi["metadata"]["name"]],
        "resources": {"requests": {"memory": str(guest + OVERHEAD), "cpu": "100m"}},
    }
    ports = [
        {"containerPort": port["port"], "protocol": port.get("protocol", "TCP")}
        | ({"name": port["name"]} if port.get("name") else {})
        for interface in (domain.get("devices") or {}).get("interfaces") or ()
        for port in interface.get("ports") or ()
    ]
    if ports:
        container["ports"] = ports
    for probe in ("readinessProbe", "livenessProbe"):
        if spec.get(probe):
            container[probe] = copy.deepcopy(spec[probe])
    return container


def _disk_containers(spec: Object) -> list[Object]:
    # As upstream: an image that cannot be pulled then shows in this pod's status.
    return [
        {
            "name": f"volume{volume['name']}",
            "image": volume["containerDisk"]["image"],
            "command": ["/usr/bin/container-disk"],
            "resources": {"requests": {"memory": "1M", "cpu": "1m"}},
        }
        for volume in spec.get("volumes") or ()
        if volume.get("containerDisk")
    ]
