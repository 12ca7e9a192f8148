"""Live migrations, as far as the controllers go: the nodes' part is a stand-in's."""

from __future__ import annotations

from lab.client import Client
from lab.controllers.kubevirt import phases
from lab.resources import NODES, PODS
from tests.kubevirt.cluster import (
    MIGRATIONS,
    NAMESPACE,
    VMIS,
    VMS,
    Nodes,
    gone,
    in_phase,
    migration,
    no_pods,
    printed,
    running_vm,
    until,
)
from tests.kubevirt.conftest import Run


def test_there_and_back(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "mover")
        before = await client.get(VMIS, "mover", NAMESPACE)
        seen = [before["status"]["nodeName"]]
        for name in ("there", "back"):
            job = await client.create(MIGRATIONS, migration(name, "mover"))
            done = await until(client, MIGRATIONS, name, lambda obj: phases.phase(obj) in phases.MIGRATION_FINAL)
            assert phases.phase(done) == "Succeeded"
            vmi = await client.get(VMIS, "mover", NAMESPACE)
            state = vmi["status"]["migrationState"]
            assert state["migrationUid"] == job["metadata"]["uid"]
            assert state["targetNode"] == vmi["status"]["nodeName"] != state["sourceNode"] == seen[-1]
            assert vmi["metadata"]["labels"]["kubevirt.io/nodeName"] == state["targetNode"]
            assert phases.phase(vmi) == "Running"
            seen.append(vmi["status"]["nodeName"])
            stamps = [stamp["phase"] for stamp in done["status"]["phaseTransitionTimestamps"]]
            assert stamps == [
                "Pending",
                "Scheduling",
                "Scheduled",
                "PreparingTarget",
                "TargetReady",
                "Running",
                "Succeeded",
            ]
            await until(client, MIGRATIONS, name, lambda obj: not obj["metadata"].get("finalizers"))
            assert done["metadata"]["labels"]["kubevirt.io/vmi-name"] == "mover"
        assert seen[0] == seen[2]
        assert vmi["metadata"]["uid"] == before["metadata"]["uid"]

    run(scenario)


def test_a_failed_migration_leaves_the_source_at_work(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "stayer")
        before = await client.get(VMIS, "stayer", NAMESPACE)
        nodes.fails_migration = "no route to the target"
        try:
            job = await client.create(MIGRATIONS, migration("failing", "stayer"))
            done = await until(client, MIGRATIONS, "failing", in_phase("Failed"))
        finally:
            nodes.fails_migration = ""
        assert done["status"]["migrationState"]["failureReason"] == "no route to the target"
        vmi = await client.get(VMIS, "stayer", NAMESPACE)
        assert vmi["status"]["nodeName"] == before["status"]["nodeName"]
        assert phases.phase(vmi) == "Running"
        await until(client, VMS, "stayer", printed("Running"))
        await no_pods(client, f"kubevirt.io/migrationJobUID={job['metadata']['uid']}")

    run(scenario)


def test_a_target_that_finds_no_node_is_given_up(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "lonely")
        node = (await client.get(VMIS, "lonely", NAMESPACE))["status"]["nodeName"]
        other = {"worker-1": "worker-2", "worker-2": "worker-1"}[node]
        await client.patch(NODES, other, None, {"spec": {"unschedulable": True}})
        try:
            job = migration("nowhere", "lonely")
            job["metadata"]["annotations"] = {"kubevirt.io/migrationUnschedulablePodTimeoutSeconds": "1"}
            await client.create(MIGRATIONS, job)
            await until(client, MIGRATIONS, "nowhere", in_phase("Failed"))
        finally:
            await client.patch(NODES, other, None, {"spec": {"unschedulable": None}})
        vmi = await client.get(VMIS, "lonely", NAMESPACE)
        assert (vmi["status"]["nodeName"], phases.phase(vmi)) == (node, "Running")

    run(scenario)


def test_a_migration_can_be_called_off(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "undecided")
        nodes.holds_migration = True
        try:
            await client.create(MIGRATIONS, migration("undone", "undecided"))
            await until(client, MIGRATIONS, "undone", in_phase("PreparingTarget"))
            await client.delete(MIGRATIONS, "undone", NAMESPACE)
            state = (
                await until(
                    client,
                    VMIS,
                    "undecided",
                    lambda obj: bool((obj["status"].get("migrationState") or {}).get("abortRequested")),
                )
            )["status"]["migrationState"]
            vmi = await client.get(VMIS, "undecided", NAMESPACE)
            # The node gives in.
            vmi["status"]["migrationState"] = {**state, "failed": True, "completed": True}
            await client.replace(VMIS, vmi)
            await gone(client, MIGRATIONS, "undone")
        finally:
            nodes.holds_migration = False
        await until(client, VMS, "undecided", printed("Running"))

    run(scenario)


def test_two_leave_a_node_at_a_time(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        names = ["one", "two", "three"]
        for name in names:
            await running_vm(client, name, nodeSelector={"kubernetes.io/hostname": "worker-1"})
        nodes.holds_migration = True
        try:
            for name in names[:2]:
                await client.create(MIGRATIONS, migration(f"m-{name}", name))
                await until(client, MIGRATIONS, f"m-{name}", lambda obj: phases.phase(obj) not in ("", "Pending"))
            await client.create(MIGRATIONS, migration("m-three", "three"))
            await until(client, MIGRATIONS, "m-three", in_phase("Pending"))
            uid = (await client.get(MIGRATIONS, "m-three", NAMESPACE))["metadata"]["uid"]
            assert not (await client.list(PODS, NAMESPACE, f"kubevirt.io/migrationJobUID={uid}"))["items"]
            for name in names:
                await client.delete(VMS, name, NAMESPACE)
            for name in names:
                await gone(client, VMIS, name)
        finally:
            nodes.holds_migration = False

    run(scenario)
