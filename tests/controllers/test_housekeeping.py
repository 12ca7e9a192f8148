"""Namespaces, garbage, scheduling and endpoints on the real API."""

from __future__ import annotations

from typing import Any

from lab.resources import (
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    IPAM_CLAIMS,
    NAMESPACES,
    PODS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from tests.controllers.cluster import Cluster, condition, pod
from tests.controllers.conftest import Run

Object = dict[str, Any]


def config_map(namespace: str, name: str, *owners: Object, **metadata: Any) -> Object:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        for owner in owners
    ]
    return {"metadata": {"name": name, "namespace": namespace, "ownerReferences": references, **metadata}}


def test_a_namespace_is_furnished(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("h-new", labelled=False)
        await cluster.until(SERVICE_ACCOUNTS, "default", "h-new", bool)
        found = await cluster.until(CONFIG_MAPS, "kube-root-ca.crt", "h-new", bool)
        assert found["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")

    run(story)


def test_a_namespace_is_emptied_of_kinds_in_any_version(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        # Of its group, v1 is the preferred version, and has no such kind.
        await cluster.namespace("h-claims", labelled=False)
        claim = {"metadata": {"name": "left", "namespace": "h-claims"}, "spec": {"network": "some", "interface": ""}}
        await cluster.client.create(IPAM_CLAIMS, claim)
        await cluster.client.delete(NAMESPACES, "h-claims")
        await cluster.gone(NAMESPACES, "h-claims")
        assert (await cluster.client.list(IPAM_CLAIMS, "h-claims"))["items"] == []

    run(story)


def test_a_namespace_waits_for_finalizers(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("h-end", labelled=False)
        held = {"metadata": {"name": "held", "namespace": "h-end", "finalizers": ["test.example/wait"]}}
        await cluster.client.create(CONFIG_MAPS, held)
        await cluster.client.delete(NAMESPACES, "h-end")
        namespace = await cluster.until(
            NAMESPACES, "h-end", None, lambda obj: bool(condition(obj, "NamespaceFinalizersRemaining"))
        )
        assert namespace["status"]["phase"] == "Terminating"
        message = condition(namespace, "NamespaceFinalizersRemaining")["message"]
        assert "test.example/wait in 1 resource instances" in message
        await cluster.client.patch(CONFIG_MAPS, "held", "h-end", {"metadata": {"finalizers": []}})
        await cluster.gone(NAMESPACES, "h-end")

    run(story)


def test_what_is_owned_goes_with_its_last_owner(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("h-owned", labelled=False)
        one = await cluster.client.create(CONFIG_MAPS, config_map("h-owned", "one"))
        two = await cluster.client.create(CONFIG_MAPS, config_map("h-owned", "two"))
        middle = await cluster.client.create(CONFIG_MAPS, config_map("h-owned", "middle", one, two))
        await cluster.client.create(CONFIG_MAPS, config_map("h-owned", "leaf", middle))
        await cluster.client.delete(CONFIG_MAPS, "one", "h-owned")
        left = await cluster.until(
            CONFIG_MAPS, "middle", "h-owned", lambda obj: len(obj["metadata"]["ownerReferences"]) == 1
        )
        assert left["metadata"]["ownerReferences"][0]["name"] == "two"
        await cluster.client.delete(CONFIG_MAPS, "two", "h-owned")
        await cluster.gone(CONFIG_MAPS, "middle", "h-owned")
        await cluster.gone(CONFIG_MAPS, "leaf", "h-owned")
        # An owner that never was: the same.
        ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}}
        await cluster.client.create(CONFIG_MAPS, config_map("h-owned", "haunted", ghost))
        await cluster.gone(CONFIG_MAPS, "haunted", "h-owned")

    run(story)


def test_orphans_stay_and_foreground_waits(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("h-orphans", labelled=False)
        owner = await cluster.client.create(CONFIG_MAPS, config_map("h-orphans", "parent"))
        await cluster.client.create(CONFIG_MAPS, config_map("h-orphans", "orphan", owner))
        await cluster.client.delete(CONFIG_MAPS, "parent", "h-orphans", propagation="Orphan")
        await cluster.gone(CONFIG_MAPS, "parent", "h-orphans")
        left = await cluster.client.get(CONFIG_MAPS, "orphan", "h-orphans")
        assert not left["metadata"].get("ownerReferences")
        owner = await cluster.client.create(CONFIG_MAPS, config_map("h-orphans", "parent"))
        child = config_map("h-orphans", "child", owner, finalizers=["test.example/wait"])
        child["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = True
        await cluster.client.create(CONFIG_MAPS, child)
        await cluster.client.delete(CONFIG_MAPS, "parent", "h-orphans", propagation="Foreground")
        await cluster.until(CONFIG_MAPS, "child", "h-orphans", lambda obj: "deletionTimestamp" in obj["metadata"])
        assert "deletionTimestamp" in (await cluster.client.get(CONFIG_MAPS, "parent", "h-orphans"))["metadata"]
        await cluster.client.patch(CONFIG_MAPS, "child", "h-orphans", {"metadata": {"finalizers": []}})
        await cluster.gone(CONFIG_MAPS, "parent", "h-orphans")

    run(story)


def test_a_pod_that_no_node_takes_says_why_and_waits(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("h-pods", labelled=False)
        apart = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
        affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
        for name in "abc":
            manifest = pod("h-pods", name, affinity=affinity)
            manifest["metadata"]["labels"] = {"app": "x"}
            await cluster.client.create(PODS, manifest)
        names = {}
        late = await cluster.event("h-pods", "c", "FailedScheduling")
        assert late.startswith("0/3 nodes are available: ")
        found = await cluster.client.get(PODS, "c", "h-pods")
        assert condition(found, "PodScheduled")["reason"] == "Unschedulable"
        for name in "ab":
            names[name] = (await cluster.client.get(PODS, name, "h-pods"))["spec"]["nodeName"]
        assert set(names.values()) == {"worker-1", "worker-2"}
        await cluster.remove_pod("h-pods", "a")
        freed = await cluster.until(PODS, "c", "h-pods", lambda obj: bool(obj["spec"].get("nodeName")))
        assert freed["spec"]["nodeName"] == names["a"]

    run(story)


def test_endpoints_follow_the_pods(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("h-serve", labelled=False)
        service = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}
        await cluster.client.create(SERVICES, {"metadata": {"name": "web", "namespace": "h-serve"}, "spec": service})
        ports = [{"name": "web", "containerPort": 8080}]
        manifest = pod("h-serve", "a", containers=[{"name": "main", "image": "busybox", "ports": ports}])
        manifest["metadata"]["labels"] = {"app": "web"}
        await cluster.client.create(PODS, manifest)
        await cluster.connected("h-serve", "a")
        ready = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "podIP": "10.244.1.3", "conditions": ready}
        await cluster.client.patch(PODS, "a", "h-serve", {"status": status}, subresource="status")
        found = await cluster.until(ENDPOINTS, "web", "h-serve", lambda obj: bool(obj.get("subsets")))
        assert found["subsets"][0]["addresses"][0]["ip"] == "10.244.1.3"
        assert found["subsets"][0]["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
        slices = await cluster.client.list(ENDPOINT_SLICES, "h-serve", labels="kubernetes.io/service-name=web")
        assert len(slices["items"]) == 1
        await cluster.remove_pod("h-serve", "a")
        await cluster.until(ENDPOINTS, "web", "h-serve", lambda obj: not obj.get("subsets"))
        await cluster.client.delete(SERVICES, "web", "h-serve")
        await cluster.gone(ENDPOINTS, "web", "h-serve")

    run(story)
