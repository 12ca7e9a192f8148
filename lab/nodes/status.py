"""A pod's status from the states of its containers, by the kubelet's rules. Pure functions and their data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from lab.events import now
from lab.nodes import images
from lab.nodes.sandbox import Sandbox

Object = dict[str, Any]

_OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


@dataclass(frozen=True)
class Ending:
    """How a container's run ended."""

    exit_code: int
    reason: str
    started: str
    finished: str
    container_id: str
    message: str = ""

    def as_state(self) -> Object:
        """As ``state.terminated`` has it."""
        state: Object = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "startedAt": self.started,
            "finishedAt": self.finished,
            "containerID": self.container_id,
        }
        return {**state, "message": self.message} if self.message else state


@dataclass
class ContainerState:
    """What is known of one container of a pod."""

    name: str
    image: str
    waiting: tuple[str, str] | None = ("ContainerCreating", "")
    running_since: str = ""
    ending: Ending | None = None
    last_ending: Ending | None = None
    restarts: int = 0
    ready: bool = False
    container_id: str = ""

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return bool(self.running_since)

    def as_status(self) -> Object:
        """As an element of ``containerStatuses``."""
        status: Object = {
            "name": self.name,
            "image": images.normalised(self.image),
            "imageID": images.image_id(self.image) if self.container_id else "",
            "ready": self.ready,
            "started": self.running,
            "restartCount": self.restarts,
            "state": self._state(),
            "lastState": {"terminated": self.last_ending.as_state()} if self.last_ending else {},
        }
        return {**status, "containerID": self.container_id} if self.container_id else status

    def _state(self) -> Object:
        if self.running_since:
            return {"running": {"startedAt": self.running_since}}
        if self.ending:
            return {"terminated": self.ending.as_state()}
        reason, message = self.waiting or ("ContainerCreating", "")
        return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}


def phase(policy: str, init: Sequence[ContainerState], containers: Sequence[ContainerState]) -> str:
    """The pod's phase, given its ``restartPolicy``."""
    if any(state.ending and state.ending.exit_code and policy == "Never" for state in init):
        return "Failed"
    if not initialized(init):
        return "Pending"
    if any(not state.running and not state.ending and not state.last_ending for state in containers):
        return "Pending"
    if policy == "Always" or any(state.running or state.ending is None for state in containers):
        return "Running"
    failed = any(state.ending and state.ending.exit_code for state in containers)
    if not failed:
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def initialized(init: Iterable[ContainerState]) -> bool:
    """Whether every init container has done its work."""
    return all(state.ending is not None and state.ending.exit_code == 0 for state in init)


def pod_status(
    pod: Object,
    init: Sequence[ContainerState],
    containers: Sequence[ContainerState],
    sandbox: Sandbox | None,
    host_addresses: Sequence[str],
) -> Object:
    """The whole ``status`` that the node writes; conditions of others are kept as they are."""
    current = pod.get("status") or {}
    spec = pod["spec"]
    reached = phase(spec.get("restartPolicy", "Always"), init, containers)
    status: Object = {
        "phase": reached,
        "startTime": current.get("startTime") or now(),
        "hostIP": host_addresses[0],
        "hostIPs": [{"ip": address} for address in host_addresses],
        "qosClass": current.get("qosClass") or quality(spec),
        "conditions": _conditions(pod, reached, init, containers, sandbox),
        "containerStatuses": [state.as_status() for state in containers],
    }
    if init:
        status["initContainerStatuses"] = [state.as_status() for state in init]
    if sandbox is not None and sandbox.interfaces:
        addresses = [str(ip_interface(ip).ip) for ip in sandbox.interfaces[0].ips]
        status["podIP"] = addresses[0] if addresses else ""
        status["podIPs"] = [{"ip": address} for address in addresses]
    return status


def quality(spec: Object) -> str:
    """The pod's quality of service class."""
    resources = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(entry.get("requests") or entry.get("limits") for entry in resources):
        return "BestEffort"
    for entry in resources:
        limits = entry.get("limits") or {}
        if {"cpu", "memory"} - limits.keys() or {**limits, **(entry.get("requests") or {})} != limits:
            return "Burstable"
    return "Guaranteed"


def _conditions(
    pod: Object,
    reached: str,
    init: Sequence[ContainerState],
    containers: Sequence[ContainerState],
    sandbox: Sandbox | None,
) -> list[Object]:
    before = {condition["type"]: condition for condition in (pod.get("status") or {}).get("conditions") or ()}
    unready = [state.name for state in containers if not state.ready]
    if reached == "Succeeded":
        answer: tuple[str, str, str] = ("False", "PodCompleted", "")
    elif reached == "Failed":
        answer = ("False", "PodFailed", "")
    elif unready:
        answer = ("False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    else:
        answer = ("True", "", "")
    incomplete = [state.name for state in init if state.ending is None or state.ending.exit_code]
    initial = ("False", "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(incomplete)}]")
    facts = {
        "PodReadyToStartContainers": ("True" if sandbox is not None else "False", "", ""),
        "Initialized": initial if incomplete else ("True", "PodCompleted" if reached == "Succeeded" else "", ""),
        "Ready": answer,
        "ContainersReady": answer,
    }
    ours = [_condition(before.get(type_), type_, *facts[type_]) for type_ in _OURS]
    scheduled = before.pop("PodScheduled", None) or _condition(None, "PodScheduled", "True", "", "")
    return [*ours, scheduled, *(condition for type_, condition in before.items() if type_ not in _OURS)]


def _condition(before: Object | None, type_: str, status: str, reason: str, message: str) -> Object:
    same = before is not None and before.get("status") == status
    condition: Object = {
        "type": type_,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and same else now(),
    }
    condition |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
    return condition
