"""A pod of a tenant: created, awaited, and told to send packets."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from conformance.evidence import step
from conformance.kube.api import Api, Object, Selection
from conformance.kube.describe import condition, is_true
from conformance.kube.resources import EVENTS, PODS
from conformance.kube.waits import Deadline, TimedOut, follow, stays, wait_for_event, wait_gone, wait_until
from conformance.machines.guest import Guest
from conformance.machines.pod_networks import PodNetwork, default_interface, default_network, primary_network
from conformance.machines.pod_shell import PodShell
from conformance.machines.trouble import wait_unless
from conformance.verdicts import Blocked

# The kubelet's event for a container that runs.
STARTED = "Started"
NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName"})
PING_COUNT = 3


class Pod:
    """A pod that exists in the cluster; nothing is cached, each answer is read anew.

    It takes part in traffic as a VM does: ``guest`` is its container.
    """

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def read(self) -> Object:
        """The object as it is now."""
        return self.api.get(PODS, self.name, self.namespace)

    @property
    def uid(self) -> str:
        """Its UID: another pod of the name has another."""
        return str(self.read()["metadata"]["uid"])

    @property
    def phase(self) -> str:
        """``Pending``, ``Running``, ``Succeeded``, ``Failed`` or ``Unknown``."""
        return str(self.read().get("status", {}).get("phase", ""))

    @property
    def node(self) -> str:
        """Name of the node; empty before it is scheduled."""
        return str(self.read()["spec"].get("nodeName", ""))

    @property
    def pod_ip(self) -> str:
        """``status.podIP``: the address on the cluster's default network."""
        return str(self.read()["status"]["podIP"])

    @property
    def pod_ips(self) -> list[str]:
        """``status.podIPs``: the same, of each family."""
        return [str(entry["ip"]) for entry in self.read()["status"].get("podIPs") or []]

    @property
    def address(self) -> str:
        """Where others of its network reach it: on its primary network, without one on the default network."""
        return self._network.address

    @property
    def addresses(self) -> tuple[str, ...]:
        """The same, one of each family."""
        return self._network.addresses

    @property
    def migration_uid(self) -> str:
        """Always the same: a pod does not move."""
        return ""

    @cached_property
    def guest(self) -> Guest:
        """Its container, by commands that the API server hands on."""
        return Guest(PodShell(self.api, self.namespace, self.name), self.api.timeouts)

    @property
    def primary_network(self) -> PodNetwork | None:
        """The attachment to a primary user-defined network, if there is one."""
        return primary_network(self.read())

    @property
    def default_network(self) -> PodNetwork | None:
        """The attachment to the cluster's default network."""
        return default_network(self.read())

    @property
    def _network(self) -> PodNetwork:
        network = self.primary_network or self.default_network
        assert network is not None, f"pod {self} has no network yet"
        return network

    @property
    def default_interface(self) -> str | None:
        """The NIC that carries the pod's default route, by its network status."""
        return default_interface(self.read())

    def wait_running(self) -> None:
        """Until it runs; ``TimedOut`` tells its last state and events, ``Blocked`` why it plainly will not start."""
        with step(f"wait until pod {self} runs"):
            place = (self.namespace, self.name)
            wait_unless(self.api, PODS, place, _running, _trouble, "pod-running", "phase Running")

    def wait_readiness(self, ready: bool) -> None:
        """Until its condition Ready is as given; ``TimedOut`` tells its last state."""
        what = "condition Ready" if ready else "condition Ready gone"
        with step(f"wait until pod {self} is {'ready' if ready else 'not ready'}"):
            wait_until(
                self.api, PODS, self.name, self.namespace, lambda pod: is_true(pod, "Ready") is ready, "pod-ready", what
            )

    def stays_ready(self) -> None:
        """``AssertionError`` when its condition Ready goes within the time-out ``pod-stays-ready``."""
        with step(f"watch pod {self} stay ready"):
            place = PODS, self.name, self.namespace
            stays(self.api, *place, lambda pod: is_true(pod, "Ready"), "pod-stays-ready", "condition Ready")

    def fails_again(self, kind: Literal["Readiness", "Liveness"]) -> bool:
        """Whether a probe of that kind fails once more, by the kubelet's events, within the time-out ``event``."""
        selection = Selection(self.namespace, fields=f"involvedObject.name={self.name},reason=Unhealthy")
        deadline = Deadline(self.api.timeouts["event"])
        before: int | None = None
        with step(f"wait until the {kind.lower()} probe of pod {self} fails"):
            for events in follow(self.api, EVENTS, selection, deadline):
                now = sum(_times(event) for event in events.values() if kind in str(event.get("message", "")))
                before = now if before is None else before
                if now > before:
                    return True
        return False

    def starts_unless(self, reason: str) -> bool:
        """Whether its container starts; ``False`` once an event with that reason came instead."""
        selection = Selection(self.namespace, fields=f"involvedObject.name={self.name}")
        deadline = Deadline(self.api.timeouts["pod-running"])
        with step(f"wait until pod {self} starts or event {reason} comes"):
            for events in follow(self.api, EVENTS, selection, deadline):
                reasons = {event.get("reason") for event in events.values()}
                if STARTED in reasons:
                    return True
                if reason in reasons:
                    return False
        raise TimedOut(f"pod {self} neither started nor told {reason} within {deadline.seconds:g} s")

    def wait_for_event(self, reason: str) -> str:
        """The message of the event with that reason."""
        with step(f"wait for event {reason} of pod {self}"):
            return str(wait_for_event(self.api, self.name, self.namespace, reason)["message"])

    def must_reach(self, other: Pod) -> None:
        """Ping ``other`` on the primary network until all requests are answered; ``AssertionError`` names both ends.

        A pod runs as soon as its own node has its port: the nodes of others follow a little later.
        """
        target = other.primary_network
        assert target is not None, f"pod {other} has no primary network to be reached on"
        deadline = Deadline(self.api.timeouts["reach"])
        with step(f"ping {self} -> {other} ({target.address})"):
            while True:
                result = self.guest.ping(target.address, count=PING_COUNT)
                if result.all_answered:
                    return
                if deadline.passed:
                    raise AssertionError(
                        f"icmp pod {self} ({self.node}) -> pod {other} ({target.address}, {other.node}): "
                        f"{result} within {deadline.seconds:g} s"
                    )

    def delete(self) -> None:
        """Delete it and wait until it is gone."""
        with step(f"delete pod {self}"):
            self.api.delete(PODS, self.name, self.namespace)
            wait_gone(self.api, PODS, self.name, self.namespace)


def _times(event: Object) -> int:
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)


def _running(pod: Object) -> bool:
    return str(pod.get("status", {}).get("phase")) == "Running"


def _trouble(pod: Object) -> Blocked | None:
    """That no node takes it, or that its image is not to be had: no network is to blame for either."""
    pod_name = f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']} will not start"
    scheduled = condition(pod, "PodScheduled") or {}
    if scheduled.get("reason") == "Unschedulable":
        return Blocked(f"{pod_name}: Unschedulable: {' '.join(str(scheduled.get('message', '')).split())}")
    for container in pod.get("status", {}).get("containerStatuses") or []:
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in NO_IMAGE:
            said = " ".join(str(waiting.get("message", "")).split())
            return Blocked(f"{pod_name}: {waiting['reason']}: {said}; name another image with --pod-image")
    return None
