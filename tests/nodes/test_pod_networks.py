"""Pods on a primary network: their NICs, routes and packets."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.nodes.conftest import Cluster

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def pair(cluster: Cluster, tenant: str) -> tuple[str, str]:
    """Two pods on two nodes; the second serves HTTP and is probed over TCP by its node."""
    cluster.start(tenant, "asks", node="worker-1")
    probe = {"tcpSocket": {"port": 80}, "periodSeconds": 1}
    cluster.start(tenant, "answers", "httpd", "-f", "-p", "80", "-h", "/etc", node="worker-2", readinessProbe=probe)
    for pod in ("asks", "answers"):
        cluster.wait(tenant, pod, "condition=Ready")
    return "asks", "answers"


def status_of_networks(cluster: Cluster, namespace: str, pod: str) -> dict[str, dict[str, object]]:
    annotations = cluster.get("pod", namespace, pod)["metadata"]["annotations"]
    return {entry["interface"]: entry for entry in json.loads(annotations["k8s.v1.cni.cncf.io/network-status"])}


def test_the_primary_network_is_the_default_one_and_pod_ip_stays_that_of_the_cluster(
    cluster: Cluster, tenant: str, pair: tuple[str, str]
) -> None:
    nics = status_of_networks(cluster, tenant, pair[0])
    assert nics["ovn-udn1"]["default"] is True
    assert str(nics["ovn-udn1"]["ips"][0]).startswith("10.150.")  # type: ignore[index]
    assert "default" not in nics["eth0"]
    assert cluster.get("pod", tenant, pair[0])["status"]["podIP"] == nics["eth0"]["ips"][0]  # type: ignore[index]


def test_the_default_route_goes_over_the_primary_network(cluster: Cluster, tenant: str, pair: tuple[str, str]) -> None:
    routes = cluster.ok("exec", "-n", tenant, pair[0], "--", "ip", "route").splitlines()
    assert [route.split()[:5] for route in routes if route.startswith("default")] == [
        ["default", "via", "10.150.0.1", "dev", "ovn-udn1"]
    ]
    assert any(route.startswith("10.244.0.0/16") and "dev eth0" in route for route in routes)


def test_the_nic_has_the_networks_mtu(cluster: Cluster, tenant: str, pair: tuple[str, str]) -> None:
    assert cluster.ok("exec", "-n", tenant, pair[0], "--", "cat", "/sys/class/net/ovn-udn1/mtu") == "1300\n"


def test_pods_on_two_nodes_talk_over_the_primary_network(cluster: Cluster, tenant: str, pair: tuple[str, str]) -> None:
    address = status_of_networks(cluster, tenant, pair[1])["ovn-udn1"]["ips"][0]  # type: ignore[index]
    answer = cluster.ok("exec", "-n", tenant, pair[0], "--", "wget", "-qO-", f"http://{address}/hostname")
    assert answer == "answers\n"


def test_a_pod_waits_for_its_network(cluster: Cluster) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "nodes-waiting", "labels": {"k8s.ovn.org/primary-user-defined-network": ""}},
    }
    cluster.ok("create", "-f", "-", "--validate=false", stdin=json.dumps(body))
    try:
        pod = cluster.start("nodes-waiting", "early")
        cluster.wait(
            "nodes-waiting", "early", "jsonpath={.status.containerStatuses[0].state.waiting.reason}=ContainerCreating"
        )
        assert not cluster.sandbox(pod).exists()
        cluster.ok("delete", "pod", "-n", "nodes-waiting", "early")
    finally:
        cluster.ok("delete", "namespace", "nodes-waiting", "--wait=false")


def test_the_hosts_own_namespace_gains_no_link(cluster: Cluster, tenant: str, pair: tuple[str, str]) -> None:
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    uid = cluster.get("pod", tenant, pair[0])["metadata"]["uid"]
    assert uid[:8] not in links
