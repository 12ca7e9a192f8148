"""Waiting for a VM to run, with an early end when it plainly will not."""

from __future__ import annotations

from conformance.evidence import figure
from conformance.kube.api import Api, Object, Selection
from conformance.kube.describe import condition, is_true, last_events, summary
from conformance.kube.resources import EVENTS, VMIS, VMS
from conformance.kube.waits import Deadline, TimedOut, follow
from conformance.machines.trouble import wait_unless
from conformance.verdicts import Blocked

#: KubeVirt's printable statuses of a VM that does not start, for reasons that no network has to do with.
NO_FAULT_OF_NETWORKS = frozenset(
    {*("ErrImagePull", "ImagePullBackOff", "ErrorUnschedulable"), *("ErrorPvcNotFound", "DataVolumeError")}
)
# Events of a pod: OVN-Kubernetes' when it gives no address, the kubelet's when a container runs.
REFUSED, STARTED = "ErrorAllocatingPod", "Started"
TROUBLE = NO_FAULT_OF_NETWORKS | {"CrashLoopBackOff"}


BOOT = "VM boot"
"""The name of the figure that counts boots."""


class BootFailed(AssertionError):
    """A VM will not run; one line with its status and the reason."""


def count() -> None:
    """Tell that a VM begins to boot: boots are what a run costs most."""
    figure(BOOT, 1, "boots")


def wait_running(api: Api, namespace: str, name: str) -> Object:
    """The VMI, once it is Running and Ready.

    Raises ``TimedOut``; when it plainly will not run, ``Blocked`` or ``BootFailed``, by what keeps it.
    """
    running: list[Object] = []

    def runs(vm: Object) -> bool:
        vmi = api.find(VMIS, name, namespace)
        if vmi is not None and is_running(vmi):
            running.append(vmi)
            return True
        if vmi is not None and vmi.get("status", {}).get("phase") == "Failed" and _status(vm) != "Stopping":
            raise BootFailed(f"VirtualMachine {namespace}/{name}: its VMI failed: {_state(api, namespace, name)}")
        return False

    def trouble(vm: Object) -> Exception | None:
        if _status(vm) not in TROUBLE:
            return None
        why = f"VirtualMachine {namespace}/{name} will not start: {_said(vm) or _state(api, namespace, name)}"
        return Blocked(why) if _status(vm) in NO_FAULT_OF_NETWORKS else BootFailed(why)

    try:
        wait_unless(api, VMS, (namespace, name), runs, trouble, "vm-running", "running, ready VMI")
    except TimedOut as error:
        raise TimedOut(f"{error}; VMI: {summary(api.find(VMIS, name, namespace))}") from None
    return running[-1]


def is_running(vmi: Object) -> bool:
    """Whether a VMI is Running and Ready, and stays."""
    phase = vmi.get("status", {}).get("phase")
    return phase == "Running" and is_true(vmi, "Ready") and "deletionTimestamp" not in vmi["metadata"]


def _said(vm: Object) -> str | None:
    """What KubeVirt says of a VM in trouble, with what to do where that is known."""
    said = condition(vm, "Synchronized") or condition(vm, "PodScheduled")
    if said is None or not said.get("message"):
        return None
    hint = "; name another image with --image" if "ImagePull" in _status(vm) else ""
    return f"{_status(vm)}: {' '.join(str(said['message']).split())}{hint}"


def _state(api: Api, namespace: str, name: str) -> str:
    vm, vmi = api.find(VMS, name, namespace), api.find(VMIS, name, namespace)
    events = last_events(api, name, namespace)
    # What went wrong stands in an event, if anywhere: first, because a report's line has an end.
    return (f"{events}; " if events else "") + f"VM: {summary(vm)}; VMI: {summary(vmi)}"


def _status(vm: Object) -> str:
    return str(vm.get("status", {}).get("printableStatus") or "")


def refused_network(api: Api, namespace: str, name: str) -> str:
    """The reason with which a VM's pod gets no network, by its event; ``AssertionError`` if a container starts instead.

    Raises ``TimedOut`` when neither is told.
    """
    pod, deadline = f"virt-launcher-{name}-", Deadline(api.timeouts["event"])
    for events in follow(api, EVENTS, Selection(namespace), deadline):
        told = [event for event in events.values() if str(event["involvedObject"].get("name", "")).startswith(pod)]
        for event in told:
            if event.get("reason") == REFUSED:
                return str(event.get("message", ""))
            assert event.get("reason") != STARTED, f"{namespace}/{name} starts, though it was to be refused its network"
    raise TimedOut(f"{namespace}/{name}: its pod neither started nor was refused within {deadline.seconds:g} s")
