"""VMs, VMIs and their pods against a real API server."""

from __future__ import annotations

import pytest

from lab.client import Client
from lab.controllers.kubevirt import conditions
from lab.resources import PODS
from tests.kubevirt.cluster import (
    NAMESPACE,
    VMIS,
    VMS,
    Nodes,
    gone,
    in_phase,
    printed,
    running_vm,
    until,
    vm,
)
from tests.kubevirt.conftest import Run


def test_a_vm_runs_and_its_deletion_takes_everything(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        machine = await running_vm(client, "vm1")
        assert machine["status"]["printableStatus"] == "Running"
        assert machine["status"]["created"] is True
        vmi = await client.get(VMIS, "vm1", NAMESPACE)
        assert [stamp["phase"] for stamp in vmi["status"]["phaseTransitionTimestamps"]] == [
            "Pending",
            "Scheduling",
            "Scheduled",
            "Running",
        ]
        assert conditions.holds(vmi, "LiveMigratable")
        (pod,) = (await client.list(PODS, NAMESPACE, "vm.kubevirt.io/name=vm1"))["items"]
        assert vmi["status"]["activePods"] == {pod["metadata"]["uid"]: pod["spec"]["nodeName"]}
        assert vmi["status"]["nodeName"] == pod["spec"]["nodeName"]
        await client.delete(VMS, "vm1", NAMESPACE)
        await gone(client, VMS, "vm1")
        await gone(client, VMIS, "vm1")
        assert (await client.list(PODS, NAMESPACE, "vm.kubevirt.io/name=vm1"))["items"] == []

    run(scenario)


def test_halting_stops_and_running_again_gives_a_new_instance(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "vm2")
        first = await client.get(VMIS, "vm2", NAMESPACE)
        await client.patch(VMS, "vm2", NAMESPACE, {"spec": {"runStrategy": "Halted"}})
        await until(client, VMS, "vm2", printed("Stopped"))
        await client.patch(VMS, "vm2", NAMESPACE, {"spec": {"runStrategy": "Always"}})
        await until(client, VMS, "vm2", printed("Running"))
        second = await client.get(VMIS, "vm2", NAMESPACE)
        assert second["metadata"]["uid"] != first["metadata"]["uid"]
        assert second["spec"]["domain"]["firmware"] == first["spec"]["domain"]["firmware"]

    run(scenario)


@pytest.mark.parametrize(
    ("strategy", "phase", "word"),
    [
        ("RerunOnFailure", "Succeeded", "Stopped"),
        ("Manual", "Failed", "Stopped"),
        ("RerunOnFailure", "Failed", "Running"),
        ("Always", "Succeeded", "Running"),
    ],
)
def test_what_follows_the_end_of_a_guest(run: Run, strategy: str, phase: str, word: str) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        name = f"end-{strategy}-{phase}".lower()
        await client.create(VMS, vm(name, "Always"))
        await until(client, VMS, name, printed("Running"))
        await client.patch(VMS, name, NAMESPACE, {"spec": {"runStrategy": strategy}})
        first = await client.get(VMIS, name, NAMESPACE)
        await until(client, VMS, name, lambda obj: obj["status"].get("runStrategy") == strategy)
        await nodes.end(first, phase)

        def settled(obj: dict[str, object]) -> bool:
            return printed(word)(obj)

        if word == "Running":
            await until(client, VMIS, name, lambda obj: obj["metadata"]["uid"] != first["metadata"]["uid"])
        await until(client, VMS, name, settled)

    run(scenario)


def test_an_image_that_cannot_be_pulled_shows(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        nodes.refuses_images.add("quay.io/none")
        disk = {"name": "disk", "containerDisk": {"image": "quay.io/none"}}
        await client.create(VMS, vm("vm3", volumes=[disk]))
        machine = await until(client, VMS, "vm3", printed("ErrImagePull"))
        synchronized = conditions.find(machine, "Synchronized")
        assert synchronized is not None
        assert "quay.io/none" in synchronized["message"]

    run(scenario)


def test_an_unregistered_plugin_keeps_the_instance_pending(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        devices = {"interfaces": [{"name": "default", "binding": {"name": "unknown"}}]}
        await client.create(VMS, vm("vm4", domain={"memory": {"guest": "96Mi"}, "devices": devices}))
        vmi = await until(client, VMIS, "vm4", lambda obj: conditions.find(obj, "Synchronized") is not None)
        assert in_phase("Pending")(vmi)
        synchronized = conditions.find(vmi, "Synchronized")
        assert synchronized is not None
        assert synchronized["reason"] == "FailedCreate"
        wanted = "unable to find the network binding plugin 'unknown' in Kubevirt configuration"
        assert wanted in synchronized["message"]

    run(scenario)


def test_a_changed_template_asks_for_a_restart(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "vm5")
        change = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "128Mi"}}}}}}
        await client.patch(VMS, "vm5", NAMESPACE, change)
        await until(client, VMS, "vm5", lambda obj: conditions.holds(obj, "RestartRequired"))

    run(scenario)


def test_an_unschedulable_vm_says_so(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await client.create(VMS, vm("vm6", nodeSelector={"nowhere": "true"}))
        await until(client, VMS, "vm6", printed("ErrorUnschedulable"))

    run(scenario)


def test_bridge_on_the_pod_network_cannot_migrate(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        domain = {"memory": {"guest": "96Mi"}, "devices": {}}
        await running_vm(client, "vm7", domain=domain, networks=[])
        vmi = await client.get(VMIS, "vm7", NAMESPACE)
        assert vmi["spec"]["domain"]["devices"]["interfaces"] == [{"name": "default", "bridge": {}}]
        assert conditions.holds(vmi, "LiveMigratable", "False", "InterfaceNotLiveMigratable")

    run(scenario)


@pytest.mark.parametrize("field", [{"runStrategy": "Halted"}, {"running": False}])
def test_a_halted_vm_can_be_started_paused(run: Run, field: dict[str, object]) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        name = f"paused-{next(iter(field))}".lower()
        machine = vm(name)
        del machine["spec"]["runStrategy"]
        machine["spec"].update(field)
        await client.create(VMS, machine)
        request = {"action": "Start", "data": {"paused": "true"}}
        await client.patch(VMS, name, NAMESPACE, {"status": {"stateChangeRequests": [request]}}, subresource="status")
        vmi = await until(client, VMIS, name, in_phase("Running"))
        assert vmi["spec"]["startStrategy"] == "Paused"
        await until(client, VMS, name, lambda obj: not obj["status"].get("stateChangeRequests"))

    run(scenario)
