"""Waiting for a VM to run, with an early end when it plainly will not."""

from __future__ import annotations

from conformance.kube.api import Api, Object
from conformance.kube.describe import condition, is_true, last_events, summary
from conformance.kube.resources import VMIS, VMS
from conformance.kube.waits import TimedOut, wait_until

#: KubeVirt's printable statuses of a VM that does not start; each may pass by itself, so it has to last.
TROUBLE = frozenset(
    {
        *("ErrImagePull", "ImagePullBackOff", "CrashLoopBackOff", "ErrorUnschedulable"),
        *("ErrorPvcNotFound", "DataVolumeError"),
    }
)


class BootFailed(AssertionError):
    """A VM will not run; one line with its status and the reason."""


class _InTrouble(Exception):
    pass


def wait_running(api: Api, namespace: str, name: str) -> Object:
    """The VMI, once it is Running and Ready; raises ``TimedOut``, or ``BootFailed`` when it plainly will not."""
    running: list[Object] = []

    def runs(vm: Object) -> bool:
        vmi = api.find(VMIS, name, namespace)
        if vmi is not None and is_running(vmi):
            running.append(vmi)
            return True
        if vmi is not None and vmi.get("status", {}).get("phase") == "Failed" and _status(vm) != "Stopping":
            raise BootFailed(f"VirtualMachine {namespace}/{name}: its VMI failed: {_state(api, namespace, name)}")
        if _status(vm) in TROUBLE:
            raise _InTrouble
        return False

    while True:
        try:
            wait_until(api, VMS, name, namespace, runs, "vm-running", "running, ready VMI")
        except _InTrouble:
            _outlast(api, namespace, name)
        except TimedOut as error:
            raise TimedOut(f"{error}; VMI: {summary(api.find(VMIS, name, namespace))}") from None
        else:
            return running[-1]


def is_running(vmi: Object) -> bool:
    """Whether a VMI is Running and Ready, and stays."""
    phase = vmi.get("status", {}).get("phase")
    return phase == "Running" and is_true(vmi, "Ready") and "deletionTimestamp" not in vmi["metadata"]


def _outlast(api: Api, namespace: str, name: str) -> None:
    """Return when the trouble passes; raise ``BootFailed`` when it lasts."""
    try:
        wait_until(api, VMS, name, namespace, lambda vm: _status(vm) not in TROUBLE, "vm-trouble", "way out of it")
    except TimedOut as error:
        why = _trouble(api, namespace, name) or _state(api, namespace, name)
        raise BootFailed(f"VirtualMachine {namespace}/{name} will not start: {why}") from error


def _trouble(api: Api, namespace: str, name: str) -> str | None:
    """What KubeVirt says of a VM in trouble, with what to do where that is known."""
    vm = api.find(VMS, name, namespace) or {}
    said = condition(vm, "Synchronized") or condition(vm, "PodScheduled")
    if said is None or not said.get("message"):
        return None
    hint = "; name another image with --image" if "ImagePull" in _status(vm) else ""
    return f"{_status(vm)}: {' '.join(str(said['message']).split())}{hint}"


def _state(api: Api, namespace: str, name: str) -> str:
    vm, vmi = api.find(VMS, name, namespace), api.find(VMIS, name, namespace)
    events = last_events(api, name, namespace)
    return f"VM: {summary(vm)}; VMI: {summary(vmi)}" + (f"; events: {events}" if events else "")


def _status(vm: Object) -> str:
    return str(vm.get("status", {}).get("printableStatus") or "")
