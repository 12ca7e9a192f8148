"""The status of a VM, computed from the VM and its VMI."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from lab.controllers.kubevirt import conditions, phases, start_failure
from lab.controllers.kubevirt.instance import TEMPLATE_ANNOTATION, template_digest
from lab.controllers.kubevirt.run_strategy import AUTOMATIC, first_request_is_done, run_strategy

Object = dict[str, Any]
Test = Callable[[Object, Object | None], bool]

# Conditions that are the VM's own; all others are its VMI's.
_OWN_CONDITIONS = frozenset({"Ready", "Failure", "RestartRequired"})


def next_status(vm: Object, vmi: Object | None, failure: tuple[str, str] | None = None) -> Object:
    """The status that the VM should have; ``failure`` is (reason, message) of what went wrong just now."""
    status: Object = copy.deepcopy(vm.get("status") or {})
    status["created"] = vmi is not None
    status["ready"] = conditions.holds(vmi, "Ready")
    if status.get("runStrategy") or status["created"]:
        status["runStrategy"] = run_strategy(vm)
    if first_request_is_done(vm, vmi):
        status["stateChangeRequests"] = status["stateChangeRequests"][1:]
    if not status.get("stateChangeRequests"):
        status.pop("stateChangeRequests", None)
    start_failure.record(status, run_strategy(vm), vmi)
    _own_conditions(status, vmi, failure)
    _restart_required(status, vm, vmi)
    if vmi is not None:
        _copy_conditions(status, vmi)
    status["printableStatus"] = printable_status({**vm, "status": status}, vmi)
    return status


def printable_status(vm: Object, vmi: Object | None) -> str:
    """The one word for people: the first of the list that fits."""
    for word, fits in _PRINTABLE:
        if fits(vm, vmi):
            return word
    return "Unknown"


def _own_conditions(status: Object, vmi: Object | None, failure: tuple[str, str] | None) -> None:
    ready = conditions.find(vmi, "Ready")
    if vmi is None:
        conditions.put(status, "Ready", "False", "VMINotExists", "VMI does not exist")
    elif ready is None:
        conditions.put(status, "Ready", "False", "VMIConditionMissing", "VMI is missing the Ready condition")
    else:
        conditions.put(status, "Ready", ready["status"], ready.get("reason", ""), ready.get("message", ""))
    if failure is None:
        conditions.drop(status, "Failure")
    else:
        conditions.put(status, "Failure", "True", *failure)


def _restart_required(status: Object, vm: Object, vmi: Object | None) -> None:
    started_with = ((vmi or {}).get("metadata", {}).get("annotations") or {}).get(TEMPLATE_ANNOTATION)
    if started_with is None or phases.is_deleted(vmi) or started_with == template_digest(vm):
        conditions.drop(status, "RestartRequired")
    else:
        message = "a non-live-updatable field was changed in the template spec"
        conditions.put(status, "RestartRequired", "True", message=message)


def _copy_conditions(status: Object, vmi: Object) -> None:
    theirs = {c["type"]: c for c in (vmi.get("status") or {}).get("conditions") or ()}
    kept = [c for c in status.get("conditions") or () if c["type"] in _OWN_CONDITIONS or c["type"] in theirs]
    status["conditions"] = kept
    for type_, condition in theirs.items():
        if type_ not in _OWN_CONDITIONS:
            conditions.put(
                status, type_, condition["status"], condition.get("reason", ""), condition.get("message", "")
            )


def _is_paused(vmi: Object | None) -> bool:
    return conditions.holds(vmi, "Paused")


def _synchronized_fails(reason: str) -> Test:
    return lambda vm, vmi: conditions.holds(vmi, "Synchronized", "False", reason)


def _crash_loop(vm: Object, vmi: Object | None) -> bool:
    failures = (vm["status"].get("startFailure") or {}).get("consecutiveFailCount", 0)
    return (vmi is None or phases.is_final(vmi)) and failures > 0 and run_strategy(vm) in AUTOMATIC


_PRINTABLE: tuple[tuple[str, Test], ...] = (
    ("Terminating", lambda vm, vmi: phases.is_deleted(vm)),
    ("Stopping", lambda vm, vmi: vmi is not None and not phases.is_final(vmi) and phases.is_deleted(vmi)),
    ("Migrating", lambda vm, vmi: phases.is_migrating(vmi)),
    ("Paused", lambda vm, vmi: phases.phase(vmi) == "Running" and _is_paused(vmi)),
    ("Running", lambda vm, vmi: phases.phase(vmi) == "Running"),
    ("ErrorPvcNotFound", _synchronized_fails("FailedPvcNotFound")),
    ("ErrorUnschedulable", lambda vm, vmi: conditions.holds(vmi, "PodScheduled", "False", "Unschedulable")),
    ("ErrImagePull", _synchronized_fails("ErrImagePull")),
    ("ImagePullBackOff", _synchronized_fails("ImagePullBackOff")),
    ("Starting", lambda vm, vmi: vmi is not None and not phases.is_final(vmi)),
    ("CrashLoopBackOff", _crash_loop),
    ("Stopped", lambda vm, vmi: vmi is None or phases.is_final(vmi)),
)
