"""A Layer2 network with a subnet of each family: IPv6 beside IPv4, its router advertised, its way out."""

from __future__ import annotations

import subprocess

import pytest

from lab import netns
from lab.config import OUTSIDE_HOSTS, OUTSIDE_PORT, Families
from lab.fabric import links
from lab.fabric.model import Layer2

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(Families.of_this_kernel() is Families.IPV4, reason="this kernel has no IPv6"),
]
NODES = ("control-plane", "worker-1", "worker-2")
NETWORK = Layer2("ns1_dual", ("10.15.0.0/24", "fd00:15::/64"), mtu=1300, nodes=NODES)
ROUTER = "fe80::858:aff:fe0f:1"  # the link's own address, by the MAC that IPv4's gateway gives


@pytest.fixture(scope="module")
def pair(bench):
    """Two workloads at different nodes, with an address of each family; their routes are the router's to tell."""
    bench.run(bench.northbound.ensure_layer2(NETWORK))
    made = []
    for node, ip, ipv6 in (("worker-1", "10.15.0.11", "fd00:15::11"), ("worker-2", "10.15.0.12", "fd00:15::12")):
        workload = bench.workload(NETWORK.name, node, ip, ips=(ip, ipv6), dhcp=True)
        links.configure(workload.namespace, "eth0", f"{ip}/24", f"{ipv6}/64", mtu=1400)
        made.append(workload)
    return made


def test_neighbours_across_nodes_and_the_way_out(bench, pair):
    near, far = pair
    assert near.reaches(far.ip)
    assert near.reaches("fd00:15::12")
    listening = ["timeout", "30", "ip", "-6", "monitor", "route"]
    with subprocess.Popen(netns.command(near.namespace, listening), stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        for setting in ("1", "0"):  # asks the routers anew
            near.run("sysctl", f"net.ipv6.conf.eth0.disable_ipv6={setting}")
        told = next((line for line in monitor.stdout if line.startswith("default")), "nothing within 30 s")
        monitor.terminate()
    assert f"via {ROUTER} dev eth0 proto ra" in told
    assert near.run("cat", "/proc/sys/net/ipv6/conf/eth0/mtu").stdout == "1300\n"
    links.configure(near.namespace, "eth0", "fd00:15::11/64")
    assert near.reaches(OUTSIDE_HOSTS[1])
    assert near.run("busybox", "nc", "-w", "10", OUTSIDE_HOSTS[1], str(OUTSIDE_PORT)).stdout == "outside\n"


def test_dhcp_of_both_families_goes_with_the_port(bench, pair):
    near, _ = pair
    port = next(port for port in bench.run(bench.northbound.ports(NETWORK.name)) if port.name == near.port)
    assert port.dhcp
    assert bench.mentions("10.15.0.0/24")
    bench.port(port, dhcp=False)
    (told,) = [port for port in bench.run(bench.northbound.ports(NETWORK.name)) if port.name == near.port]
    assert not told.dhcp
