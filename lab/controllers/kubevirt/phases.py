"""What the phases of VMIs, migrations and pods mean."""

from __future__ import annotations

from typing import Any

from lab.controllers.kubevirt import conditions

Object = dict[str, Any]

VMI_FINAL = frozenset({"Succeeded", "Failed"})
MIGRATION_FINAL = frozenset({"Succeeded", "Failed"})


def phase(obj: Object | None) -> str:
    """``status.phase``, or the empty string."""
    return str(((obj or {}).get("status") or {}).get("phase") or "")


def is_final(vmi: Object | None) -> bool:
    """Whether the VMI has ended."""
    return phase(vmi) in VMI_FINAL


def is_deleted(obj: Object | None) -> bool:
    """Whether the object is marked for deletion."""
    return bool(obj and obj["metadata"].get("deletionTimestamp"))


def has_run(vmi: Object | None) -> bool:
    """Whether the VMI was ever in phase Running."""
    stamps = ((vmi or {}).get("status") or {}).get("phaseTransitionTimestamps") or ()
    return phase(vmi) == "Running" or any(stamp["phase"] == "Running" for stamp in stamps)


def is_migrating(vmi: Object | None) -> bool:
    """Whether a migration of the VMI has begun and not ended."""
    state = ((vmi or {}).get("status") or {}).get("migrationState") or {}
    return bool(state) and bool(state.get("startTimestamp")) and not state.get("endTimestamp") and not ended(state)


def ended(state: Object) -> bool:
    """Whether a ``migrationState`` is that of a migration that is over."""
    return bool(state.get("completed") or state.get("failed"))


def enter(status: Object, new: str) -> None:
    """Set ``phase``, and record when it was entered."""
    if status.get("phase") == new:
        return
    status["phase"] = new
    stamp = {"phase": new, "phaseTransitionTimestamp": conditions.timestamp()}
    status["phaseTransitionTimestamps"] = [*(status.get("phaseTransitionTimestamps") or ()), stamp]


def pod_has_started(pod: Object | None) -> bool:
    """Whether the pod's guest can be started: all is ready but, perhaps, the container whose probes ask the guest."""
    if phase(pod) != "Running" or is_deleted(pod):
        return False
    containers = ((pod or {}).get("status") or {}).get("containerStatuses") or ()
    return all(
        "running" in (each.get("state") or {}) if each["name"] == "compute" else each.get("ready")
        for each in containers
    )


def pod_is_down(pod: Object | None) -> bool:
    """Whether the pod has ended."""
    return phase(pod) in ("Succeeded", "Failed")
