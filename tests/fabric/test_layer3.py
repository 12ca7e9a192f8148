"""A Layer3 network routes between the nodes' segments; the default network is one."""

from __future__ import annotations

import pytest

from lab.fabric.model import DEFAULT_NETWORK, Layer3

pytestmark = pytest.mark.lab


def _pair(bench, network, first, second):
    near = bench.workload(network, "worker-1", f"{first}.5")
    far = bench.workload(network, "worker-2", f"{second}.5")
    for workload, subnet in ((near, first), (far, second)):
        workload.run("ip", "route", "replace", "default", "via", f"{subnet}.1")
    return near, far


def test_default_network_routes_between_nodes_and_to_the_outside(bench):
    near, far = _pair(bench, DEFAULT_NETWORK, "10.244.1", "10.244.2")
    ping = near.run("busybox", "ping", "-c", "1", "-W", "5", far.ip)
    assert ping.returncode == 0, ping.stdout
    assert "ttl=63" in ping.stdout
    assert near.asks(far, "tcp") == f"{far.ip} answers"
    for workload in (near, far):
        assert workload.reaches("203.0.113.10")


def test_node_reaches_its_pods_on_the_default_network(bench):
    pod = bench.workload(DEFAULT_NETWORK, "worker-1", "10.244.1.9")
    pod.run("ip", "route", "replace", "default", "via", "10.244.1.1")
    for node in ("worker-1", "worker-2"):
        ping = bench.at_node(node, "busybox", "ping", "-c", "1", "-W", "5", pod.ip)
        assert ping.returncode == 0, f"{node}: {ping.stdout}"


def test_user_defined_layer3_is_apart_from_the_default_network(bench):
    subnets = {"control-plane": "10.60.0.0/24", "worker-1": "10.60.1.0/24", "worker-2": "10.60.2.0/24"}
    bench.run(bench.northbound.ensure_layer3(Layer3("ns6_routed", subnets)))
    near, far = _pair(bench, "ns6_routed", "10.60.1", "10.60.2")
    assert near.reaches(far.ip)
    assert near.reaches("203.0.113.10")
    pod = bench.workload(DEFAULT_NETWORK, "worker-1", "10.244.1.10")
    pod.run("ip", "route", "replace", "default", "via", "10.244.1.1")
    assert pod.reaches("10.244.1.1")
    assert not near.reaches(pod.ip, count=1)
    assert not pod.reaches(near.ip, count=1)
    bench.run(bench.northbound.delete_network("ns6_routed"))
    assert not bench.mentions("ns6_routed", "ns6.routed")
