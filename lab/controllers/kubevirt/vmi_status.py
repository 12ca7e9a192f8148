"""What becomes of a VMI, computed from the VMI, its pods and its node: the next phase, conditions, active pods."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab.config import LAUNCHER_IMAGE
from lab.controllers.kubevirt import conditions, launcher, migratable, phases
from lab.controllers.kubevirt.instance import VM_ON_VMI_FINALIZER, VMI_FINALIZER

Object = dict[str, Any]

NODE_LABEL = "kubevirt.io/nodeName"
_IMAGE_ERRORS = ("ErrImagePull", "ImagePullBackOff")
# In these phases virt-handler owns the guest, and says how it ends.
_HANDED_OVER = ("Scheduled", "Running")


@dataclass(frozen=True)
class Surroundings:
    """What the cluster holds beside the VMI."""

    pods: tuple[Object, ...]
    plugins: Object
    has_vm: bool
    node_lost: bool = False
    failure: tuple[str, str] | None = None


def current_pod(vmi: Object, pods: Iterable[Object]) -> Object | None:
    """The launcher pod that holds the guest, or that is to hold it."""
    node = (vmi.get("status") or {}).get("nodeName")
    if node:
        here = [pod for pod in pods if pod["spec"].get("nodeName") == node]
    else:
        here = [pod for pod in pods if launcher.MIGRATION_LABEL not in pod["metadata"].get("labels", {})]
    newest_first = sorted(here, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
    alive = [pod for pod in newest_first if not phases.pod_is_down(pod)]
    return next(iter([*alive, *newest_first]), None)


def next_vmi(vmi: Object, around: Surroundings) -> Object:
    """The VMI as it should be now; equal to ``vmi`` when nothing is to be written."""
    vmi = copy.deepcopy(vmi)
    status = vmi.setdefault("status", {})
    pod = current_pod(vmi, around.pods)
    failure = around.failure
    if around.pods or status.get("activePods"):
        status["activePods"] = {p["metadata"]["uid"]: p["spec"].get("nodeName", "") for p in around.pods}
    before = phases.phase(vmi)
    if before in ("", "Pending"):
        _not_yet_placed(vmi, pod)
    elif before == "Scheduling":
        failure = _placing(vmi, pod) or failure
    elif before in _HANDED_OVER:
        _handed_over(vmi, pod, around)
    elif phases.is_final(vmi):
        _ended(vmi, around)
    if before not in _HANDED_OVER:
        _synchronized(status, failure)
    _ready(vmi, pod)
    return vmi


def _not_yet_placed(vmi: Object, pod: Object | None) -> None:
    status = vmi["status"]
    if pod is not None:
        phases.enter(status, "Scheduling")
    else:
        phases.enter(status, "Failed" if phases.is_deleted(vmi) else "Pending")


def _placing(vmi: Object, pod: Object | None) -> tuple[str, str] | None:
    status = vmi["status"]
    if pod is None or phases.pod_is_down(pod) or phases.is_deleted(pod):
        phases.enter(status, "Failed")
        return None
    scheduled = conditions.find(pod, "PodScheduled")
    if scheduled and scheduled["status"] == "False":
        conditions.put(status, "PodScheduled", "False", scheduled.get("reason", ""), scheduled.get("message", ""))
    else:
        conditions.drop(status, "PodScheduled")
    if phases.pod_has_started(pod) and not phases.is_deleted(vmi):
        _hand_over(vmi, pod)
    return _image_error(pod)


def _hand_over(vmi: Object, pod: Object) -> None:
    status, node = vmi["status"], pod["spec"]["nodeName"]
    phases.enter(status, "Scheduled")
    status["nodeName"] = node
    status["qosClass"] = (pod.get("status") or {}).get("qosClass", "Burstable")
    status["launcherContainerImageVersion"] = LAUNCHER_IMAGE
    status["migrationMethod"] = "BlockMigration" if _has_local_disk(vmi) else "LiveMigration"
    status.setdefault("guestOSInfo", {})
    vmi["metadata"].setdefault("labels", {})[NODE_LABEL] = node


def _handed_over(vmi: Object, pod: Object | None, around: Surroundings) -> None:
    status = vmi["status"]
    if pod is None or around.node_lost:
        phases.enter(status, "Failed")
        status["reason"] = "NodeUnresponsive" if around.node_lost else "PodDisappeared"
        return
    obstacle = migratable.obstacle(vmi, around.plugins)
    if obstacle is None:
        conditions.put(status, "LiveMigratable", "True")
    else:
        conditions.put(status, "LiveMigratable", "False", *obstacle)


def _ended(vmi: Object, around: Surroundings) -> None:
    finalizers = vmi["metadata"].get("finalizers", [])
    if not around.pods and VMI_FINALIZER in finalizers:
        finalizers.remove(VMI_FINALIZER)
    if not around.has_vm and VM_ON_VMI_FINALIZER in finalizers:
        finalizers.remove(VM_ON_VMI_FINALIZER)


def _synchronized(status: Object, failure: tuple[str, str] | None) -> None:
    if failure is None:
        conditions.drop(status, "Synchronized")
    else:
        conditions.put(status, "Synchronized", "False", *failure)


def _ready(vmi: Object, pod: Object | None) -> None:
    status = vmi["status"]
    if pod is None:
        conditions.put(status, "Ready", "False", "PodNotExists", "virt-launcher pod has not yet been scheduled")
    elif phases.is_deleted(pod) or phases.pod_is_down(pod):
        conditions.put(status, "Ready", "False", "PodTerminating", "virt-launcher pod is terminating")
    elif phases.phase(vmi) != "Running":
        conditions.put(status, "Ready", "False", "GuestNotRunning", "Guest VM is not reported as running")
    elif conditions.holds(vmi, "Paused"):
        conditions.put(status, "Ready", "False", "ReadinessGatesNotReady", "the virtual machine is paused")
    else:
        theirs = conditions.find(pod, "Ready")
        if theirs is None:
            message = "virt-launcher pod is missing the Ready condition"
            conditions.put(status, "Ready", "False", "PodConditionMissing", message)
        else:
            conditions.put(status, "Ready", theirs["status"], theirs.get("reason", ""), theirs.get("message", ""))


def _image_error(pod: Object) -> tuple[str, str] | None:
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _IMAGE_ERRORS:
            return waiting["reason"], waiting.get("message", "")
    return None


def _has_local_disk(vmi: Object) -> bool:
    return any("containerDisk" in volume or "emptyDisk" in volume for volume in vmi["spec"].get("volumes") or ())
