"""What must hold of a migration that is over, and how one that fails is told."""

from __future__ import annotations

import copy

import pytest

from conformance.evidence.folder import TestFolder
from conformance.evidence.recorder import RECORDER
from conformance.kube.api import Api
from conformance.machines.migration import MigrationFailed, follow_migration, judge
from conformance.timeouts import Timeouts
from conformance.verdicts import Blocked
from tests.kube.small_api import SmallApi

GROUP = "/apis/kubevirt.io/v1/namespaces/ns"
MIGRATIONS, VMIS = f"{GROUP}/virtualmachineinstancemigrations", f"{GROUP}/virtualmachineinstances"
PODS = "/api/v1/namespaces/ns/pods"
VMI = {
    "metadata": {"name": "vm", "namespace": "ns", "uid": "vmi-uid"},
    "status": {
        "nodeName": "worker-2",
        "migrationState": {
            "migrationUid": "m-uid",
            "sourceNode": "worker-1",
            "targetNode": "worker-2",
            "targetNodeAddress": "172.18.0.12",
            "startTimestamp": "2026-11-20T17:15:35Z",
            "endTimestamp": "2026-11-20T17:15:37Z",
            "targetNodeDomainReadyTimestamp": "2026-11-20T17:15:36Z",
            "completed": True,
            "mode": "PreCopy",
        },
    },
}


@pytest.fixture
def server(tmp_path):
    server = SmallApi(tmp_path)
    yield server
    server.close()


@pytest.fixture
def api(server):
    limits = {"pod-scheduled": 0.3, "migration": 0.5}
    return Api.connect(server.kubeconfig, timeouts=Timeouts.load(overrides=limits))


def put_migration(server, phase, **status):
    metadata = {"name": "move", "namespace": "ns", "uid": "m-uid"}
    server.put(MIGRATIONS, {"metadata": metadata, "status": {"phase": phase, **status}})


def test_a_migration_that_succeeded(api, server):
    put_migration(server, "Succeeded")
    server.put(VMIS, VMI)
    move = follow_migration(api, "ns", "move", "vm")
    assert (move.source, move.target, move.uid, move.seconds) == ("worker-1", "worker-2", "m-uid", 2.0)


@pytest.fixture
def shown(tmp_path):
    """What is kept to be drawn."""
    folder = TestFolder(tmp_path / "evidence")
    unsubscribe = RECORDER.subscribe(folder)
    yield folder.exhibits
    unsubscribe()


def test_a_migration_is_shown_with_its_phases(api, server, shown):
    stamps = [
        {"phase": phase, "phaseTransitionTimestamp": f"2026-11-20T17:15:3{second}Z"}
        for phase, second in (("Scheduling", 4), ("Succeeded", 7))
    ]
    put_migration(server, "Succeeded", phaseTransitionTimestamps=stamps)
    server.put(VMIS, VMI)
    follow_migration(api, "ns", "move", "vm")
    (move,) = shown
    assert (move["vm"], move["source"], move["target"], move["failure"]) == ("ns/vm", "worker-1", "worker-2", "")
    assert [(each["phase"], each["at"][17:]) for each in move["phases"][-2:]] == [
        ("Scheduling", "34.000Z"),
        ("Succeeded", "37.000Z"),
    ]


def test_a_migration_that_failed_is_shown_too(api, server, shown):
    put_migration(server, "Failed", migrationState={"failureReason": "target QEMU died", "sourceNode": "worker-1"})
    server.put(VMIS, VMI)
    with pytest.raises(MigrationFailed):
        follow_migration(api, "ns", "move", "vm")
    assert [(move["failure"], move["source"], move["target"]) for move in shown] == [
        ("target QEMU died", "worker-1", "")
    ]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("startTimestamp", None, "startTimestamp is set"),
        ("endTimestamp", None, "endTimestamp is set"),
        ("targetNodeDomainReadyTimestamp", None, "targetNodeDomainReadyTimestamp is set"),
        ("completed", False, "completed is true"),
        ("failed", True, "failed is not true"),
        ("targetNodeAddress", "", "targetNodeAddress is set"),
        ("targetNode", "worker-3", "targetNode is the VMI's node worker-2"),
        ("sourceNode", "worker-2", "targetNode is not sourceNode"),
        ("migrationUid", "another", "migrationUid is m-uid"),
    ],
)
def test_every_post_condition_is_checked(field, value, says):
    vmi = copy.deepcopy(VMI)
    vmi["status"]["migrationState"][field] = value
    with pytest.raises(MigrationFailed, match=f"migration move ended, but not: .*{says}"):
        judge("move", "m-uid", vmi)


def test_a_migration_that_failed_tells_why(api, server):
    put_migration(server, "Failed", migrationState={"failureReason": "target QEMU died"})
    server.put(VMIS, VMI)
    with pytest.raises(MigrationFailed, match="migration ns/move of vm failed: target QEMU died"):
        follow_migration(api, "ns", "move", "vm")


def test_a_target_that_no_node_takes_is_told_early_and_cancelled(api, server):
    put_migration(server, "Scheduling")
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    labels = {"kubevirt.io/migrationJobUID": "m-uid"}
    server.put(
        PODS, {"metadata": {"name": "t", "namespace": "ns", "labels": labels}, "status": {"conditions": [condition]}}
    )
    with pytest.raises(Blocked, match=r"no node takes its target pod \(Unschedulable: 0/3 nodes\); .*cancelled"):
        follow_migration(api, "ns", "move", "vm")
    assert (MIGRATIONS, "move") not in server.objects


def test_a_migration_that_goes_on_for_ever_is_told_with_its_phase_and_pod(api, server):
    put_migration(server, "Running")
    with pytest.raises(
        MigrationFailed, match=r"no end of the move within 0.5 s .*last: phase Running.*; target: no pod"
    ):
        follow_migration(api, "ns", "move", "vm")


def test_a_hand_over_that_never_comes_is_told(api, server):
    put_migration(server, "Succeeded")
    vmi = copy.deepcopy(VMI)
    vmi["status"]["nodeName"] = "worker-1"
    server.put(VMIS, vmi)
    with pytest.raises(MigrationFailed, match=r"no hand-over to the target within 0.5 s"):
        follow_migration(api, "ns", "move", "vm")
