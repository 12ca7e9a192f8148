"""What becomes of a migration: its next phase, seen the migration, its VMI and its target pod."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from lab.controllers.kubevirt import conditions, phases

Object = dict[str, Any]

FINALIZER = "kubevirt.io/migrationJobFinalize"
VMI_LABEL = "kubevirt.io/vmi-name"
TARGET_NODE_LABEL = "kubevirt.io/migrationTargetNodeName"
BEFORE_HANDOVER = frozenset({"", "Pending", "Scheduling", "Scheduled"})
# From here on a target pod must be there.
_WITH_POD = frozenset({"Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running"})


@dataclass(frozen=True)
class Step:
    """The phase to enter, and what to tell people (a failure has a reason)."""

    phase: str
    event: str = ""


def state_of(migration: Object, vmi: Object | None) -> Object:
    """The VMI's ``migrationState`` if it is this migration's, else an empty dict."""
    state: Object = ((vmi or {}).get("status") or {}).get("migrationState") or {}
    return state if state.get("migrationUid") == migration["metadata"]["uid"] else {}


def next_step(migration: Object, vmi: Object | None, pod: Object | None) -> Step | None:
    """The step that is due, or None while there is something to wait for."""
    failure = _failure(migration, vmi, pod)
    if failure is not None:
        return Step("Failed", failure)
    phase = phases.phase(migration)
    state = state_of(migration, vmi)
    if phase == "":
        return Step("Pending")
    if phase == "Pending":
        return Step("Scheduling") if pod is not None else None
    if phase == "Scheduling":
        return Step("Scheduled") if phases.pod_has_started(pod) else None
    if phase == "Scheduled":
        return Step("PreparingTarget") if state else None
    if phase == "PreparingTarget":
        return Step("TargetReady") if state.get("targetNodeAddress") else None
    if phase == "TargetReady":
        return Step("Running") if state.get("startTimestamp") else None
    if phase == "Running":
        return Step("Succeeded", "Source node reported migration succeeded") if state.get("completed") else None
    return None


def with_step(migration: Object, step: Step, vmi: Object | None) -> Object:
    """The migration's status after a step."""
    status: Object = copy.deepcopy(migration.get("status") or {})
    if phases.phase(migration) != step.phase:
        status["phase"] = step.phase
        stamp = {"phase": step.phase, "phaseTransitionTimestamp": conditions.timestamp()}
        status["phaseTransitionTimestamps"] = [*(status.get("phaseTransitionTimestamps") or ()), stamp]
    if phases.is_deleted(migration):
        conditions.put(status, "migrationAbortRequested", "True")
    state = state_of(migration, vmi)
    if step.phase in phases.MIGRATION_FINAL and state:
        status["migrationState"] = copy.deepcopy(state)
    return status


def handed_over(migration: Object, vmi: Object, source_pod: Object | None, pod: Object) -> Object:
    """The VMI that tells both nodes of the migration: the target's virt-handler begins on seeing it."""
    vmi = copy.deepcopy(vmi)
    target = pod["spec"]["nodeName"]
    vmi["status"]["migrationState"] = {
        "migrationUid": migration["metadata"]["uid"],
        "sourceNode": vmi["status"]["nodeName"],
        "sourcePod": source_pod["metadata"]["name"] if source_pod else "",
        "targetNode": target,
        "targetPod": pod["metadata"]["name"],
        "mode": "PreCopy",
    }
    vmi["metadata"].setdefault("labels", {})[TARGET_NODE_LABEL] = target
    return vmi


def taken_over(vmi: Object, node_label: str) -> Object:
    """The VMI once its guest runs on the target node."""
    vmi = copy.deepcopy(vmi)
    target = vmi["status"]["migrationState"]["targetNode"]
    vmi["status"]["nodeName"] = target
    labels = vmi["metadata"].setdefault("labels", {})
    labels[node_label] = target
    labels.pop(TARGET_NODE_LABEL, None)
    return vmi


def marked_failed(vmi: Object, reason: str) -> Object:
    """The VMI whose migration is over without having moved the guest."""
    vmi = copy.deepcopy(vmi)
    state = vmi["status"]["migrationState"]
    now = conditions.timestamp()
    state.update(failed=True, completed=True)
    state.setdefault("startTimestamp", now)
    state.setdefault("endTimestamp", now)
    state.setdefault("failureReason", reason)
    vmi["metadata"].get("labels", {}).pop(TARGET_NODE_LABEL, None)
    return vmi


def _failure(migration: Object, vmi: Object | None, pod: Object | None) -> str | None:
    phase, state = phases.phase(migration), state_of(migration, vmi)
    if vmi is None:
        return "Migration failed because vmi does not exist."
    if phases.is_final(vmi):
        return "Migration failed vmi shutdown during migration."
    if state.get("failed"):
        return f"source node reported migration failed: {state.get('failureReason', 'no reason given')}"
    if state.get("completed"):
        return None
    if phases.is_deleted(migration) and not state:
        return "Migration failed due to being canceled"
    if phases.pod_is_down(pod):
        return "Migration failed because target pod shutdown during migration"
    if phase in _WITH_POD and (pod is None or phases.is_deleted(pod)):
        return "Migration target pod was removed during active migration."
    if phase not in BEFORE_HANDOVER and not state:
        return "VMI's migration state was cleared or taken over during the active migration."
    return None
