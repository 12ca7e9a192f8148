"""Rules for VMIs, and for VMs, whose template is a VMI's spec."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from lab.controllers.kubevirt import launcher
from lab.controllers.kubevirt.admission.causes import INVALID, NOT_SUPPORTED, REQUIRED, Cause
from lab.controllers.kubevirt.admission.networks import network_causes, networks_of
from lab.controllers.kubevirt.vmi_status import NODE_LABEL

Object = dict[str, Any]

STRATEGIES = frozenset({"Always", "Halted", "Manual", "RerunOnFailure", "Once"})
_CLOUD_INIT = ("cloudInitNoCloud", "cloudInitConfigDrive")
_LONGEST_CLOUD_INIT = 2048
_RESERVED_LABELS = (
    launcher.CREATED_BY,
    launcher.MIGRATION_LABEL,
    NODE_LABEL,
    "kubevirt.io/migrationTargetNodeName",
    launcher.SCHEDULABLE,
)


def instance_causes(path: str, spec: Object) -> list[Cause]:
    """Everything wrong with a VMI's spec, which stands at ``path``."""
    return [*network_causes(path, spec), *_disks(path, spec), *_cloud_init(path, spec), *_probes(path, spec)]


def machine_causes(vm: Object) -> list[Cause]:
    """Everything wrong with a VM."""
    spec = vm["spec"]
    causes: list[Cause] = []
    strategy = spec.get("runStrategy")
    if strategy is not None and spec.get("running") is not None:
        message = "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use "
        causes.append(Cause(INVALID, message + "RunStrategy instead", "spec.running"))
    if strategy is not None and strategy not in STRATEGIES:
        causes.append(Cause(INVALID, f"Invalid RunStrategy ({strategy})", "spec.runStrategy"))
    template = spec.get("template")
    if not template:
        causes.append(Cause(REQUIRED, "missing virtual machine template.", "spec.template"))
        return causes
    return [*causes, *instance_causes("spec.template.spec", template["spec"])]


def machine_warnings(vm: Object) -> list[str]:
    """What a VM's author should know."""
    if vm["spec"].get("running") is not None:
        return ["spec.running is deprecated, please use spec.runStrategy instead."]
    return []


def update_causes(old: Object, new: Object, by_lab: bool) -> list[Cause]:
    """What an update of a VMI may not do; ``by_lab``: asked for by KubeVirt's own components."""
    if by_lab:
        return []
    if old["spec"] != new["spec"]:
        return [Cause(NOT_SUPPORTED, "update of VMI object is restricted")]
    if _reserved(old) != _reserved(new):
        message = "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited"
        return [Cause(NOT_SUPPORTED, message)]
    return []


def _reserved(vmi: Object) -> Object:
    labels = vmi["metadata"].get("labels") or {}
    return {key: value for key, value in labels.items() if key in _RESERVED_LABELS}


def _disks(path: str, spec: Object) -> Iterator[Cause]:
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    disks = ((spec.get("domain") or {}).get("devices") or {}).get("disks") or ()
    for index, disk in enumerate(disks):
        where = f"{path}.domain.devices.disks[{index}].Name"
        if disk["name"] not in volumes:
            yield Cause(INVALID, f"{where} '{disk['name']}' not found.", where)


def _cloud_init(path: str, spec: Object) -> Iterator[Cause]:
    for index, volume in enumerate(spec.get("volumes") or ()):
        for kind in _CLOUD_INIT:
            source = volume.get(kind)
            if source is None:
                continue
            where = f"{path}.volumes[{index}].{kind}"
            found = 0
            for word, reference in (("userData", "secretRef"), ("networkData", "networkDataSecretRef")):
                given = [field for field in (word, f"{word}Base64", reference) if source.get(field)]
                found += len(given)
                yield from _data(where, word, source, given)
            if not found:
                message = f"{where} must have at least one userdatasource or one networkdatasource set."
                yield Cause(INVALID, message, where)


def _data(where: str, word: str, source: Object, given: list[str]) -> Iterator[Cause]:
    if len(given) > 1:
        noun = "userdatasource" if word == "userData" else "networkdata source"
        yield Cause(INVALID, f"{where} must have only one {noun} set.", where)
    length = len(str(source.get(word) or "").encode())
    encoded = source.get(f"{word}Base64")
    if encoded:
        try:
            length = len(base64.b64decode(encoded, validate=True))
        except binascii.Error:
            yield Cause(INVALID, f"{where}.{word}Base64 is not a valid base64 value.", f"{where}.{word}Base64")
    if length > _LONGEST_CLOUD_INIT:
        secret = "UserDataSecretRef" if word == "userData" else "NetworkDataSecretRef"
        message = (
            f"{where} {word.lower()} exceeds {_LONGEST_CLOUD_INIT} byte limit. Should use {secret} for larger data."
        )
        yield Cause(INVALID, message, where)


def _probes(path: str, spec: Object) -> Iterator[Cause]:
    networks = networks_of(spec)
    if not networks or any("pod" in network for network in networks):
        return
    for probe in ("readinessProbe", "livenessProbe"):
        for action in ("httpGet", "tcpSocket"):
            if (spec.get(probe) or {}).get(action) is not None:
                where = f"{path}.{probe}.{action}"
                yield Cause(INVALID, f"{where} is only allowed if the Pod Network is attached", where)
