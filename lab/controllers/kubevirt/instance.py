"""From a VM to its VMI, and what a VMI is given where its author said nothing."""

from __future__ import annotations

import copy
import hashlib
import json
import uuid
from typing import Any

from lab.controllers.kubevirt.run_strategy import start_paused
from lab.resources import VMIS, VMS

Object = dict[str, Any]

VMI_FINALIZER = "kubevirt.io/foregroundDeleteVirtualMachine"
VM_ON_VMI_FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"
VM_FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"
TEMPLATE_ANNOTATION = "lab.udn/template-digest"
GENERATION_ANNOTATION = "kubevirt.io/vm-generation"

# KubeVirt derives a VM's firmware UUID from its name with this namespace, so that it outlives restarts.
_FIRMWARE_NAMESPACE = uuid.UUID("6a1a24a1-4061-4607-8bf4-a3963d0c5895")
# Fields of a template that KubeVirt brings to a running VMI without a restart.
_LIVE_UPDATABLE = ("nodeSelector", "affinity", "tolerations")


def instance_of(vm: Object) -> Object:
    """The VMI that the VM's template asks for."""
    metadata = vm["metadata"]
    template = copy.deepcopy(vm["spec"]["template"])
    ours = template.get("metadata") or {}
    spec = template["spec"]
    if start_paused(vm):
        spec["startStrategy"] = "Paused"
    vmi: Object = {
        "apiVersion": VMIS.api_version,
        "kind": VMIS.kind,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": dict(ours.get("labels") or {}),
            "annotations": {
                **(ours.get("annotations") or {}),
                GENERATION_ANNOTATION: str(metadata.get("generation", 1)),
                TEMPLATE_ANNOTATION: template_digest(vm),
            },
            "finalizers": [VM_ON_VMI_FINALIZER],
            "ownerReferences": [owner_reference(vm)],
        },
        "spec": spec,
    }
    firmware = spec["domain"].setdefault("firmware", {})
    firmware.setdefault("uuid", str(uuid.uuid5(_FIRMWARE_NAMESPACE, metadata["name"])))
    return with_defaults(vmi)


def with_defaults(vmi: Object) -> Object:
    """The VMI with what KubeVirt's defaults add to it."""
    vmi = copy.deepcopy(vmi)
    metadata, spec = vmi["metadata"], vmi["spec"]
    finalizers = metadata.setdefault("finalizers", [])
    if VMI_FINALIZER not in finalizers:
        finalizers.append(VMI_FINALIZER)
    domain = spec["domain"]
    domain.setdefault("machine", {}).setdefault("type", "q35")
    firmware = domain.setdefault("firmware", {})
    firmware.setdefault("uuid", str(uuid.uuid4()))
    cpu = domain.setdefault("cpu", {})
    for part in ("cores", "sockets", "threads"):
        cpu.setdefault(part, 1)
    domain.setdefault("features", {}).setdefault("acpi", {}).setdefault("enabled", True)
    _default_memory(domain)
    _default_network(spec)
    return vmi


def template_digest(vm: Object) -> str:
    """A digest of the part of a VM's template that takes effect only by a restart."""
    spec = {key: value for key, value in vm["spec"]["template"]["spec"].items() if key not in _LIVE_UPDATABLE}
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


def owner_reference(vm: Object) -> Object:
    """The reference by which a VM owns its VMI."""
    return {
        "apiVersion": VMS.api_version,
        "kind": VMS.kind,
        "name": vm["metadata"]["name"],
        "uid": vm["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_by(vmi: Object, vm: Object) -> bool:
    """Whether the VM is the VMI's owner."""
    references = vmi["metadata"].get("ownerReferences") or ()
    return any(reference["uid"] == vm["metadata"]["uid"] for reference in references)


def _default_memory(domain: Object) -> None:
    guest = (domain.get("memory") or {}).get("guest")
    requests = domain.setdefault("resources", {}).setdefault("requests", {})
    if guest is not None:
        requests.setdefault("memory", guest)
    elif "memory" in requests:
        domain.setdefault("memory", {})["guest"] = requests["memory"]


def _default_network(spec: Object) -> None:
    devices = spec["domain"].setdefault("devices", {})
    if devices.get("autoattachPodInterface") is False or spec.get("networks") or devices.get("interfaces"):
        return
    spec["networks"] = [{"name": "default", "pod": {}}]
    devices["interfaces"] = [{"name": "default", "bridge": {}}]
