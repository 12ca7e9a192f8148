"""Phases and conditions, by the kubelet's rules."""

from __future__ import annotations

from typing import Any

import pytest

from lab.nodes.status import ContainerState, Ending, phase, pod_status, quality

OK = Ending(0, "Completed", "", "", "")
BAD = Ending(3, "Error", "", "", "")


def state(running: bool = False, ending: Ending | None = None, last: Ending | None = None) -> ContainerState:
    made = ContainerState("c", "image", running_since="2026-01-01T00:00:00Z" if running else "", ending=ending)
    made.last_ending, made.ready = last, running
    return made


@pytest.mark.parametrize(
    ("policy", "containers", "expected"),
    [
        ("Always", [state()], "Pending"),
        ("Always", [state(running=True), state()], "Pending"),
        ("Always", [state(running=True)], "Running"),
        ("Always", [state(last=BAD)], "Running"),
        ("Always", [state(ending=OK)], "Running"),
        ("Never", [state(ending=OK)], "Succeeded"),
        ("Never", [state(ending=OK), state(ending=BAD)], "Failed"),
        ("Never", [state(ending=BAD), state(running=True)], "Running"),
        ("OnFailure", [state(ending=OK)], "Succeeded"),
        ("OnFailure", [state(last=BAD)], "Running"),
    ],
)
def test_phase(policy: str, containers: list[ContainerState], expected: str) -> None:
    assert phase(policy, [], containers) == expected


def test_phase_waits_for_init_containers() -> None:
    assert phase("Always", [state(running=True)], [state()]) == "Pending"
    assert phase("Always", [state(ending=OK)], [state(running=True)]) == "Running"
    assert phase("Never", [state(ending=BAD)], [state()]) == "Failed"


def test_conditions_keep_their_times_and_those_of_others() -> None:
    before = [
        {"type": "Ready", "status": "True", "lastTransitionTime": "then"},
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "before"},
        {"type": "example.org/gate", "status": "True"},
    ]
    pod: dict[str, Any] = {"spec": {"containers": []}, "status": {"conditions": before, "startTime": "first"}}
    status = pod_status(pod, [], [state(running=True)], None, ["172.18.0.11"])
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    assert conditions["Ready"]["lastTransitionTime"] == "then"
    assert conditions["PodScheduled"]["lastTransitionTime"] == "before"
    assert conditions["ContainersReady"]["lastTransitionTime"] != "then"
    assert "example.org/gate" in conditions
    assert status["startTime"] == "first"


def test_unready_containers_are_named() -> None:
    status = pod_status({"spec": {"containers": []}}, [], [state()], None, ["172.18.0.11"])
    ready = next(condition for condition in status["conditions"] if condition["type"] == "Ready")
    assert (ready["status"], ready["message"]) == ("False", "containers with unready status: [c]")


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
def test_quality_of_service(resources: dict[str, Any], expected: str) -> None:
    assert quality({"containers": [{"resources": resources}]}) == expected
