"""Addresses of virtual machines over start, stop, restart, migration and deletion.

KubeVirt's controllers are real; nodes are the stand-in of the KubeVirt room's tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lab.resources import IPAM_CLAIMS, MIGRATIONS, PODS, VMIS, VMS
from tests.controllers.cluster import Cluster, condition
from tests.controllers.conftest import Run
from tests.kubevirt.cluster import Nodes, migration, vm

Object = dict[str, Any]


@asynccontextmanager
async def tenant(cluster: Cluster, namespace: str, persistent: bool = True) -> AsyncIterator[Nodes]:
    """A namespace with a primary network, and nodes that run what is put on them."""
    nodes = Nodes(cluster.client)
    await nodes.start()
    try:
        await cluster.namespace(namespace)
        await cluster.ready_udn(namespace, "net", **({"ipam": {"lifecycle": "Persistent"}} if persistent else {}))
        yield nodes
    finally:
        await nodes.stop()


async def started(cluster: Cluster, namespace: str, name: str) -> Object:
    """The entry of a machine's launcher for its network, once the machine runs."""
    await cluster.until(VMIS, name, namespace, lambda obj: obj.get("status", {}).get("phase") == "Running")
    pod = await cluster.launcher(namespace, name)
    return (await cluster.connected(namespace, pod))[f"{namespace}/net"]


async def switch(cluster: Cluster, namespace: str, name: str, strategy: str) -> None:
    """Stop or start a machine."""
    await cluster.client.patch(VMS, name, namespace, {"spec": {"runStrategy": strategy}})
    if strategy == "Halted":
        await cluster.gone(VMIS, name, namespace)


def test_a_machine_holds_its_address_by_a_claim(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        async with tenant(cluster, "m-claim"):
            await cluster.client.create(VMS, vm("vm1", namespace="m-claim"))
            entry = await started(cluster, "m-claim", "vm1")
            claim = await cluster.client.get(IPAM_CLAIMS, "vm1.m-claim.net", "m-claim")
            machine = await cluster.client.get(VMS, "vm1", "m-claim")
            assert claim["spec"]["network"] == "m-claim_net"
            assert claim["status"]["ips"] == [entry["ip_address"]]
            assert condition(claim, "IPsAllocated")["reason"] == "SuccessfulAllocation"
            assert claim["metadata"]["labels"] == {"kubevirt.io/vm": "vm1"}
            assert claim["metadata"]["finalizers"] == ["kubevirt.io/persistent-ipam"]
            assert claim["metadata"]["ownerReferences"][0]["uid"] == machine["metadata"]["uid"]
            pod = await cluster.client.get(PODS, await cluster.launcher("m-claim", "vm1"), "m-claim")
            assert pod["metadata"]["annotations"]["k8s.ovn.org/primary-udn-ipamclaim"] == "vm1.m-claim.net"
            port = await cluster.port("m-claim_net", "m-claim.net_m-claim_vm_vm1", lambda port: port is not None)
            assert port is not None
            assert (port.dhcp, port.hostname, entry["iface_id"]) == (True, "vm1", port.name)

    run(story)


def test_stop_and_start_keep_the_address_from_a_newcomer(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        async with tenant(cluster, "m-stop"):
            await cluster.client.create(VMS, vm("vm1", namespace="m-stop"))
            first = await started(cluster, "m-stop", "vm1")
            await switch(cluster, "m-stop", "vm1", "Halted")
            await cluster.port("m-stop_net", first["iface_id"], lambda port: port is None)
            await cluster.client.create(VMS, vm("vm2", namespace="m-stop"))
            newcomer = await started(cluster, "m-stop", "vm2")
            await switch(cluster, "m-stop", "vm1", "Always")
            again = await started(cluster, "m-stop", "vm1")
            assert newcomer["ip_address"] != first["ip_address"]
            assert (again["ip_address"], again["mac_address"]) == (first["ip_address"], first["mac_address"])

    run(story)


def test_deletion_gives_the_address_to_others(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        async with tenant(cluster, "m-gone"):
            await cluster.client.create(VMS, vm("vm1", namespace="m-gone"))
            first = await started(cluster, "m-gone", "vm1")
            await cluster.client.delete(VMS, "vm1", "m-gone")
            await cluster.gone(VMS, "vm1", "m-gone")
            await cluster.gone(IPAM_CLAIMS, "vm1.m-gone.net", "m-gone")
            await cluster.client.create(VMS, vm("vm2", namespace="m-gone"))
            assert (await started(cluster, "m-gone", "vm2"))["ip_address"] == first["ip_address"]

    run(story)


def test_without_persistence_there_is_no_claim(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        async with tenant(cluster, "m-fresh", persistent=False):
            await cluster.client.create(VMS, vm("vm1", namespace="m-fresh"))
            await started(cluster, "m-fresh", "vm1")
            assert (await cluster.client.list(IPAM_CLAIMS, "m-fresh"))["items"] == []
            pod = await cluster.client.get(PODS, await cluster.launcher("m-fresh", "vm1"), "m-fresh")
            assert "k8s.ovn.org/primary-udn-ipamclaim" not in pod["metadata"]["annotations"]

    run(story)


async def there(cluster: Cluster, nodes: Nodes, name: str, entry: Object) -> None:
    """Migrate the machine of namespace m-move, and look at its port on the way."""
    source_pod = await cluster.launcher("m-move", "vm1")
    source = (await cluster.client.get(PODS, source_pod, "m-move"))["spec"]["nodeName"]
    target = "worker-2" if source == "worker-1" else "worker-1"
    nodes.holds_migration = True
    await cluster.client.create(MIGRATIONS, migration(name, "vm1", "m-move"))
    target_pod = await cluster.launcher("m-move", "vm1", beside=source_pod)
    moving = (await cluster.connected("m-move", target_pod))["m-move/net"]
    keys = ("ip_address", "mac_address", "iface_id")
    assert [moving[key] for key in keys] == [entry[key] for key in keys]
    port = await cluster.port("m-move_net", entry["iface_id"], lambda port: True)
    assert port is not None
    assert port.nodes == (source, target)
    nodes.holds_migration = False
    await cluster.vmi("m-move", "vm1", fsFreezeStatus=name)  # a change that makes the stand-in look again
    await cluster.until(MIGRATIONS, name, "m-move", lambda obj: obj["status"].get("phase") == "Succeeded")
    await cluster.port("m-move_net", entry["iface_id"], lambda port: port is not None and port.nodes == (target,))
    await cluster.remove_pod("m-move", source_pod)


def test_the_port_moves_with_the_machine_and_back(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        async with tenant(cluster, "m-move") as nodes:
            await cluster.client.create(VMS, vm("vm1", namespace="m-move"))
            first = await started(cluster, "m-move", "vm1")
            for number in range(2):
                await there(cluster, nodes, f"move-{number}", first)
            claim = await cluster.client.get(IPAM_CLAIMS, "vm1.m-move.net", "m-move")
            assert claim["status"]["ips"] == [first["ip_address"]]

    run(story)


def test_a_target_that_says_it_is_ready_gets_the_port(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        async with tenant(cluster, "m-ready") as nodes:
            nodes.holds_migration = True
            await cluster.client.create(VMS, vm("vm1", namespace="m-ready"))
            first = await started(cluster, "m-ready", "vm1")
            source_pod = await cluster.launcher("m-ready", "vm1")
            source = (await cluster.client.get(PODS, source_pod, "m-ready"))["spec"]["nodeName"]
            await cluster.client.create(MIGRATIONS, migration("move", "vm1", "m-ready"))
            target_pod = await cluster.launcher("m-ready", "vm1", beside=source_pod)
            await cluster.connected("m-ready", target_pod)
            note = {"metadata": {"annotations": {"kubevirt.io/migration-target-ready-timestamp": "now"}}}
            await cluster.client.patch(PODS, target_pod, "m-ready", note)
            target = (await cluster.client.get(PODS, target_pod, "m-ready"))["spec"]["nodeName"]
            await cluster.port(
                "m-ready_net", first["iface_id"], lambda port: port is not None and port.nodes == (target,)
            )
            # The target fails after all: the source has the port again, the address never left it.
            await cluster.phase("m-ready", target_pod, "Failed")
            await cluster.port(
                "m-ready_net", first["iface_id"], lambda port: port is not None and port.nodes == (source,)
            )

    run(story)
