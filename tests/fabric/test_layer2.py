"""A Layer2 network carries real packets between namespaces on two nodes."""

from __future__ import annotations

import pytest

from lab.fabric.model import Layer2

pytestmark = pytest.mark.lab
NODES = ("control-plane", "worker-1", "worker-2")


@pytest.fixture(scope="module")
def trio(bench):
    """Two workloads at one node, a third at another."""
    bench.run(bench.northbound.ensure_layer2(Layer2("ns1_blue", ("10.10.0.0/24",), nodes=NODES)))
    return (
        bench.workload("ns1_blue", "worker-1", "10.10.0.11"),
        bench.workload("ns1_blue", "worker-1", "10.10.0.12"),
        bench.workload("ns1_blue", "worker-2", "10.10.0.13"),
    )


def test_same_node(trio):
    near, other, _ = trio
    assert near.reaches(other.ip)


def test_across_nodes_keeps_ttl_and_mac(trio):
    near, _, far = trio
    ping = near.run("busybox", "ping", "-c", "3", "-W", "2", far.ip)
    assert ping.returncode == 0, ping.stdout
    assert "ttl=64" in ping.stdout
    assert far.mac in near.run("ip", "neigh", "show", far.ip).stdout
