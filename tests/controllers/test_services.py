"""Services on their networks: copies of endpoints, load balancers, names, external addresses; the real controllers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.config import Families
from lab.controllers.dns import service_records
from lab.resources import ENDPOINT_SLICES, PODS, SERVICES
from tests.controllers.cluster import LIMIT, Cluster

Object = dict[str, Any]

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
PORTS = [{"port": 80, "targetPort": 5000}]


async def eventually(look: Callable[[], Any], met: Callable[[Any], bool]) -> Any:
    """What ``look`` gives, as soon as it is as wanted."""
    last: Any = None
    try:
        async with asyncio.timeout(LIMIT):
            while True:
                last = await look()
                if met(last):
                    return last
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never was as wanted; last: {last}") from None


async def service(cluster: Cluster, namespace: str, **spec: Any) -> None:
    wanted = {"selector": {"app": "s"}, "ports": PORTS, **spec}
    await cluster.client.create(SERVICES, {"metadata": {"name": "s", "namespace": namespace}, "spec": wanted})


async def serving_pod(cluster: Cluster, namespace: str, *ips: str) -> list[str]:
    """A ready pod behind the service; gives its addresses on the primary network."""
    await cluster.pod(namespace, "p", nodeName="worker-1")
    await cluster.client.patch(PODS, "p", namespace, {"metadata": {"labels": {"app": "s"}}})
    networks = await cluster.connected(namespace, "p")
    told = {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    status = {"phase": "Running", **told, "conditions": [{"type": "Ready", "status": "True"}]}
    await cluster.client.patch(PODS, "p", namespace, {"status": status}, subresource="status")
    return [address.partition("/")[0] for address in networks[f"{namespace}/blue"]["ip_addresses"]]


async def slices(cluster: Cluster, namespace: str) -> list[Object]:
    return list((await cluster.client.list(ENDPOINT_SLICES, namespace))["items"])


async def balancers(cluster: Cluster) -> dict[str, dict[str, str]]:
    """The fronts of each load balancer."""

    def read(idl: Any) -> dict[str, dict[str, str]]:
        return {row.name: dict(row.vips) for row in idl.tables["Load_Balancer"].rows.values()}

    return await cluster.northbound._northbound.read(read)


def test_a_service_of_a_primary_network_has_its_addresses(run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("svc-one")
        await cluster.ready_udn("svc-one", "blue", "10.71.0.0/24")
        await service(cluster, "svc-one", type="NodePort")
        [address] = await serving_pod(cluster, "svc-one", "10.244.1.55")

        def is_whole(found: list[Object] | None) -> bool:
            return sum(bool(one.get("endpoints")) for one in found or ()) == 2

        found = await eventually(lambda: slices(cluster, "svc-one"), is_whole)
        labels = {one["metadata"]["labels"][MANAGED_BY]: one for one in found}
        own = labels["endpointslice-controller.k8s.io"]
        copy = labels["endpointslice-mirror-controller.k8s.ovn.org"]
        assert own["endpoints"][0]["addresses"] == ["10.244.1.55"]
        assert copy["endpoints"][0]["addresses"] == [address]
        assert copy["metadata"]["labels"]["k8s.ovn.org/service-name"] == "s"
        assert "kubernetes.io/service-name" not in copy["metadata"]["labels"]
        assert copy["metadata"]["annotations"] == {
            "k8s.ovn.org/endpointslice-network": "svc-one_blue",
            "k8s.ovn.org/source-endpointslice": own["metadata"]["name"],
        }

        made = await cluster.client.get(SERVICES, "s", "svc-one")
        front, node_port = f"{made['spec']['clusterIP']}:80", made["spec"]["ports"][0]["nodePort"]

        def leads_there(found: dict[str, dict[str, str]] | None) -> bool:
            own = {name: fronts for name, fronts in (found or {}).items() if "svc-one/s" in name}
            return sorted(own) == [
                "svc.one_blue_Service_svc-one/s_TCP",
                "svc.one_blue_Service_svc-one/s_TCP_entrance",
            ] and all(set(fronts.values()) == {f"{address}:5000"} for fronts in own.values())

        found_balancers = await eventually(lambda: balancers(cluster), leads_there)
        assert front in found_balancers["svc.one_blue_Service_svc-one/s_TCP"]
        (entrance,) = found_balancers["svc.one_blue_Service_svc-one/s_TCP_entrance"]
        told = await cluster.until(
            SERVICES, "s", "svc-one", lambda one: "lab.udn/gateway" in (one["metadata"].get("annotations") or {})
        )
        assert entrance == f"{told['metadata']['annotations']['lab.udn/gateway']}:{node_port}"

        await cluster.client.delete(SERVICES, "s", "svc-one")
        await eventually(lambda: balancers(cluster), lambda found: not any("svc-one/s" in name for name in found or ()))

    run(story)


@pytest.mark.skipif(Families.of_this_kernel() is Families.IPV4, reason="this kernel has no IPv6")
def test_a_service_of_both_families_leads_to_both_addresses(run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("svc-both")
        await cluster.ready_udn("svc-both", "blue", subnets=["10.76.0.0/24", "fd00:76::/64"])
        await service(cluster, "svc-both", ipFamilyPolicy="PreferDualStack")
        ipv4, ipv6 = await serving_pod(cluster, "svc-both", "10.244.1.76", "fd00:10:244:1::76")
        made = await cluster.client.get(SERVICES, "s", "svc-both")
        front, front_ipv6 = made["spec"]["clusterIPs"]
        name = "svc.both_blue_Service_svc-both/s_TCP"
        wanted = {f"{front}:80": f"{ipv4}:5000", f"[{front_ipv6}]:80": f"[{ipv6}]:5000"}
        await eventually(lambda: balancers(cluster), lambda found: (found or {}).get(name) == wanted)
        told = {(one["addressType"], one["endpoints"][0]["addresses"][0]) for one in await slices(cluster, "svc-both")}
        own = {("IPv4", "10.244.1.76"), ("IPv6", "fd00:10:244:1::76")}
        assert told == own | {("IPv4", ipv4), ("IPv6", ipv6)}

        await cluster.client.patch(SERVICES, "s", "svc-both", {"spec": {"ipFamilyPolicy": "SingleStack"}})
        await eventually(lambda: slices(cluster, "svc-both"), lambda found: len(found or ()) == 2)

    run(story)


def test_the_api_and_dns_are_on_every_network(run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("svc-two")
        await cluster.ready_udn("svc-two", "blue", "10.72.0.0/24")
        address = next(node.address for node in cluster.config.nodes if node.control_plane)
        wanted = {
            "svc.two_blue_Service_default/kubernetes_TCP": {"10.96.0.1:443": f"{address}:6443"},
            "svc.two_blue_Service_kube-system/kube-dns_UDP": {"10.96.0.10:53": f"{address}:53"},
        }

        def has_them(found: dict[str, dict[str, str]] | None) -> bool:
            return all((found or {}).get(name) == fronts for name, fronts in wanted.items())

        await eventually(lambda: balancers(cluster), has_them)

    run(story)


def test_external_addresses_are_given_and_differ(run) -> None:
    async def story(cluster: Cluster) -> None:
        given = []
        for namespace in ("svc-three", "svc-four"):
            await cluster.namespace(namespace, labelled=False)
            await service(cluster, namespace, type="LoadBalancer")
            has_one = await cluster.until(
                SERVICES, "s", namespace, lambda one: bool(one["status"]["loadBalancer"].get("ingress"))
            )
            given.append(has_one["status"]["loadBalancer"]["ingress"][0]["ip"])
        assert len(set(given)) == 2

    run(story)


def test_names_of_services_are_files_that_come_and_go(run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("svc-five", labelled=False)
        await service(cluster, "svc-five")
        made = await cluster.client.get(SERVICES, "s", "svc-five")
        file: Path = cluster.config.state / "dns" / "hosts" / "service.svc-five.s"

        def read() -> str:
            return file.read_text() if file.exists() else ""

        async def text() -> str:
            return await asyncio.to_thread(read)

        line = f"{made['spec']['clusterIP']} s.svc-five.svc.cluster.local\n"
        await eventually(text, lambda found: found == line)
        await cluster.client.delete(SERVICES, "s", "svc-five")
        await eventually(text, lambda found: found == "")

    run(story)


def test_names_of_a_headless_service() -> None:
    headless = {"metadata": {"name": "s", "namespace": "n"}, "spec": {"clusterIP": "None"}}
    endpoints = [
        {"addresses": ["10.244.1.5"], "hostname": "one", "conditions": {"ready": True}},
        {"addresses": ["10.244.2.6"], "conditions": {"ready": True}},
        {"addresses": ["10.244.2.7"], "conditions": {"ready": False}},
    ]
    assert service_records(headless, [{"endpoints": endpoints}]) == {
        "s.n.svc.cluster.local": ("10.244.1.5", "10.244.2.6"),
        "one.s.n.svc.cluster.local": ("10.244.1.5",),
        "10-244-2-6.s.n.svc.cluster.local": ("10.244.2.6",),
    }
