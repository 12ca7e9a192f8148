"""What a VM's run strategy demands, seen the VM and its VMI: start, stop or nothing.

Source: KubeVirt's user guide, "Run Strategies", and the behaviour of its virt-controller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lab.controllers.kubevirt import phases, start_failure

Object = dict[str, Any]

AUTOMATIC = frozenset({"Always", "RerunOnFailure", "Once"})


@dataclass(frozen=True)
class Decision:
    """What to do with the VMI; ``retry_after`` (seconds) when it is too early to start."""

    action: Literal["nothing", "start", "stop"] = "nothing"
    retry_after: float = 0
    then_start: bool = False
    refusal: str = ""


NOTHING = Decision()
START = Decision("start")
STOP = Decision("stop")


def run_strategy(vm: Object) -> str:
    """The VM's run strategy; ``running`` counts as Always or Halted."""
    spec = vm["spec"]
    return str(spec.get("runStrategy") or ("Always" if spec.get("running") else "Halted"))


def requests(vm: Object) -> list[Object]:
    """The state changes asked for and not yet done, oldest first."""
    return list((vm.get("status") or {}).get("stateChangeRequests") or ())


def start_requested(vm: Object) -> bool:
    """Whether the oldest request asks for a start."""
    first = requests(vm)[:1]
    return bool(first) and first[0]["action"] == "Start"


def start_paused(vm: Object) -> bool:
    """Whether the oldest request asks for a start of a paused VM."""
    return start_requested(vm) and (requests(vm)[0].get("data") or {}).get("paused") == "true"


def stop_requested(vm: Object, vmi: Object) -> bool:
    """Whether the oldest request asks to stop this very VMI."""
    first = requests(vm)[:1]
    return bool(first) and first[0]["action"] == "Stop" and first[0].get("uid") == vmi["metadata"]["uid"]


def decide(vm: Object, vmi: Object | None) -> Decision:
    """What the run strategy demands now."""
    strategy = run_strategy(vm)
    rule = {
        "Always": _always,
        "RerunOnFailure": _rerun_on_failure,
        "Manual": _manual,
        "Halted": _halted,
        "Once": _once,
    }.get(strategy)
    if rule is None:
        return Decision(refusal=f"unknown runstrategy: {strategy}")
    decision = rule(vm, vmi)
    if decision.action == "stop" and phases.is_deleted(vmi):
        return NOTHING
    return decision


def first_request_is_done(vm: Object, vmi: Object | None) -> bool:
    """Whether the oldest request can be forgotten, because what it asks for is so."""
    pending = requests(vm)
    if not pending:
        return False
    if pending[0]["action"] == "Stop":
        return vmi is None or pending[0].get("uid") != vmi["metadata"]["uid"]
    return vmi is not None and not phases.is_deleted(vmi) and not phases.is_final(vmi)


def _always(vm: Object, vmi: Object | None) -> Decision:
    if vmi is not None:
        return STOP if phases.is_final(vmi) or stop_requested(vm, vmi) else NOTHING
    return _start_unless_backing_off(vm)


def _rerun_on_failure(vm: Object, vmi: Object | None) -> Decision:
    if vmi is not None:
        if phases.is_final(vmi) or stop_requested(vm, vmi):
            return Decision("stop", then_start=phases.phase(vmi) == "Failed")
        return NOTHING
    changed = (vm.get("status") or {}).get("runStrategy") != "RerunOnFailure"
    return _start_unless_backing_off(vm) if changed or start_requested(vm) else NOTHING


def _manual(vm: Object, vmi: Object | None) -> Decision:
    if vmi is not None:
        return STOP if stop_requested(vm, vmi) else NOTHING
    return START if start_requested(vm) else NOTHING


def _halted(vm: Object, vmi: Object | None) -> Decision:
    return NOTHING if vmi is None else STOP


def _once(vm: Object, vmi: Object | None) -> Decision:
    return START if vmi is None else NOTHING


def _start_unless_backing_off(vm: Object) -> Decision:
    left = start_failure.seconds_left(vm)
    return Decision(retry_after=left) if left > 0 else START
