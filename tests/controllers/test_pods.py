"""Pods on networks: addresses, ports in the northbound database, waiting, and what is refused."""

from __future__ import annotations

import json
from ipaddress import ip_interface

from lab.resources import PODS
from tests.controllers.cluster import Cluster, Processes, networks, pod
from tests.controllers.conftest import Run


def test_a_pod_on_a_primary_network(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("p-blue")
        await cluster.ready_udn("p-blue", "net")
        await cluster.pod("p-blue", "a")
        found = await cluster.connected("p-blue", "a")
        assert found["default"]["role"] == "infrastructure-locked"
        entry = found["p-blue/net"]
        assert entry["ip_address"] == "10.20.0.3/24"
        assert entry["mac_address"] == "0a:58:0a:14:00:03"
        assert (entry["gateway_ip"], entry["role"], entry["mtu"]) == ("10.20.0.1", "primary", 1400)
        obj = await cluster.client.get(PODS, "a", "p-blue")
        port = await cluster.port("p-blue_net", entry["iface_id"], lambda port: port is not None)
        assert port is not None
        assert (port.mac, port.ips, port.dhcp) == (entry["mac_address"], ("10.20.0.3",), False)
        assert port.nodes == (obj["spec"]["nodeName"],)
        node = cluster.config.node(obj["spec"]["nodeName"])
        hosts = [ip_interface(address) for address in found["default"]["ip_addresses"]]
        assert [str(host.network) for host in hosts] == list(node.host_subnets)

    run(story)


def test_a_pod_of_a_labelled_namespace_waits_for_its_network(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("p-wait")
        await cluster.pod("p-wait", "a")
        message = await cluster.event("p-wait", "a", "ErrorReconcilingPod")
        assert message.startswith('invalid primary network state for namespace "p-wait"')
        assert networks(await cluster.client.get(PODS, "a", "p-wait")) == {}
        await cluster.udn("p-wait", "net")
        assert "p-wait/net" in await cluster.connected("p-wait", "a")

    run(story)


def test_addresses_go_back_when_pods_end(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("p-back")
        await cluster.ready_udn("p-back", "net", "10.22.0.0/29")
        for name in "abcd":
            await cluster.pod("p-back", name)
            await cluster.connected("p-back", name)
        await cluster.pod("p-back", "e")
        assert await cluster.event("p-back", "e", "ErrorAllocatingPod") == "subnet address pool exhausted"
        freed = (await cluster.connected("p-back", "b"))["p-back/net"]
        await cluster.phase("p-back", "b", "Succeeded")
        assert (await cluster.connected("p-back", "e"))["p-back/net"]["ip_address"] == freed["ip_address"]
        await cluster.port("p-back_net", freed["iface_id"], lambda port: port is None)
        await cluster.remove_pod("p-back", "c")
        await cluster.pod("p-back", "f")
        await cluster.connected("p-back", "f")

    run(story)


def test_all_addresses_of_a_pod_go_back(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("p-both")
        await cluster.ready_udn("p-both", "net", "10.23.0.0/24")
        seen = []
        for name in "ab":
            await cluster.pod("p-both", name, nodeName=cluster.config.nodes[-1].name)
            found = await cluster.connected("p-both", name)
            seen.append([found[key]["ip_addresses"] for key in ("default", "p-both/net")])
            await cluster.remove_pod("p-both", name)
            await cluster.port("p-both_net", found["p-both/net"]["iface_id"], lambda port: port is None)
            await cluster.port("default", found["default"]["iface_id"], lambda port: port is None)
        assert seen[0] == seen[1]

    run(story)


def test_tenants_have_addresses_of_their_own(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        for namespace in ("p-red", "p-green"):
            await cluster.namespace(namespace)
            await cluster.ready_udn(namespace, "net")
            await cluster.pod(namespace, "a")
            assert (await cluster.connected(namespace, "a"))[f"{namespace}/net"]["ip_address"] == "10.20.0.3/24"

    run(story)


def test_a_static_request_is_honoured_once(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("p-static")
        await cluster.ready_udn("p-static", "net")
        asked = {"name": "default", "namespace": "ovn-kubernetes", "ips": ["10.20.0.77/24"], "mac": "02:00:00:00:00:77"}
        for name in ("a", "b"):
            manifest = pod("p-static", name)
            manifest["metadata"]["annotations"] = {"v1.multus-cni.io/default-network": json.dumps([asked])}
            await cluster.client.create(PODS, manifest)
            if name == "a":
                entry = (await cluster.connected("p-static", "a"))["p-static/net"]
                assert (entry["ip_address"], entry["mac_address"]) == ("10.20.0.77/24", "02:00:00:00:00:77")
        assert await cluster.event("p-static", "b", "ErrorAllocatingPod") == "provided IP is already allocated"
        asked["ips"] = ["10.20.0.78/24"]
        manifest = pod("p-static", "c")
        manifest["metadata"]["annotations"] = {"v1.multus-cni.io/default-network": json.dumps([asked])}
        await cluster.client.create(PODS, manifest)
        assert await cluster.event("p-static", "c", "ErrorAllocatingPod") == "MAC address already in use"

    run(story)


def test_a_secondary_network_beside_the_default_one(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("p-second", labelled=False)
        await cluster.ready_udn("p-second", "extra", "10.40.0.0/24", role="Secondary")
        manifest = pod("p-second", "a")
        manifest["metadata"]["annotations"] = {"k8s.v1.cni.cncf.io/networks": "extra"}
        await cluster.client.create(PODS, manifest)
        found = await cluster.connected("p-second", "a")
        assert found["default"]["role"] == "primary"
        assert (found["p-second/extra"]["role"], found["p-second/extra"]["ip_address"]) == ("secondary", "10.40.0.3/24")

    run(story)


def test_a_restart_of_the_controllers_takes_nothing_away(run: Run, processes: Processes) -> None:
    async def before(cluster: Cluster) -> None:
        await cluster.namespace("p-again")
        await cluster.ready_udn("p-again", "net")
        for name in "ab":
            await cluster.pod("p-again", name)
            await cluster.connected("p-again", name)
        await cluster.remove_pod("p-again", "a")
        await cluster.port("p-again_net", "p-again.net_p-again_a", lambda port: port is None)

    async def after(cluster: Cluster) -> None:
        await cluster.pod("p-again", "c")
        await cluster.pod("p-again", "d")
        ours = [(await cluster.connected("p-again", name))["p-again/net"]["ip_address"] for name in "bcd"]
        assert ours[0] == "10.20.0.4/24"
        assert sorted(ours) == ["10.20.0.3/24", "10.20.0.4/24", "10.20.0.5/24"]
        ports = {port.name for port in await cluster.northbound.ports("p-again_net")}
        assert ports == {f"p-again.net_p-again_{name}" for name in "bcd"}

    run(before)
    processes.stop_module("lab.controllers")
    processes.start_module("lab.controllers")
    run(after)
