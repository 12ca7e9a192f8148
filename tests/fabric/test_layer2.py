"""A Layer2 network carries real packets between namespaces on two nodes."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from lab import netns
from lab.fabric import links
from lab.fabric.model import Layer2
from lab.fabric.names import layer2_switch
from lab.fabric.ports import NoSuchNetwork

pytestmark = pytest.mark.lab
NODES = ("control-plane", "worker-1", "worker-2")
DHCP_SCRIPT = Path(__file__).with_name("udhcpc.sh")


@pytest.fixture(scope="module")
def trio(bench):
    """Two workloads at one node, a third at another."""
    bench.run(bench.northbound.ensure_layer2(Layer2("ns1_blue", ("10.10.0.0/24",), nodes=NODES)))
    return (
        bench.workload("ns1_blue", "worker-1", "10.10.0.11"),
        bench.workload("ns1_blue", "worker-1", "10.10.0.12"),
        bench.workload("ns1_blue", "worker-2", "10.10.0.13"),
    )


@pytest.fixture(scope="module")
def stranger(bench):
    """A workload of another network with the same subnet, and the same address as one of the trio."""
    bench.run(bench.northbound.ensure_layer2(Layer2("ns2_blue", ("10.10.0.0/24",), nodes=NODES)))
    return (
        bench.workload("ns2_blue", "worker-1", "10.10.0.21"),
        bench.workload("ns2_blue", "worker-2", "10.10.0.13"),
    )


def test_same_node(trio):
    near, other, _ = trio
    assert near.reaches(other.ip)


def test_first_packet_across_nodes_is_not_lost_and_keeps_its_ttl(trio):
    near, _, far = trio
    ping = near.run("busybox", "ping", "-c", "1", "-W", "5", far.ip)
    assert ping.returncode == 0, ping.stdout
    assert "ttl=64" in ping.stdout
    assert far.mac in near.run("ip", "neigh", "show", far.ip).stdout


def test_interfaces_that_come_and_go_cost_no_packet_of_a_tunnel(bench, trio):
    near, _, far = trio
    node = bench.config.netns(near.node)
    done, gone = threading.Event(), 0

    def come_and_go():
        nonlocal gone
        while not done.is_set():
            links.create_cable((node, "comes"), (node, "goes"))
            subprocess.run(netns.command(node, ["ip", "link", "del", "comes"]), check=True)
            gone += 1

    coming = threading.Thread(target=come_and_go)
    coming.start()
    try:
        ping = near.run("busybox", "ping", "-q", "-c", "1000", "-i", "0.005", "-W", "5", far.ip)
    finally:
        done.set()
        coming.join()
    assert gone > 20, f"only {gone} interfaces came and went"
    assert "1000 packets received" in ping.stdout


def test_tcp_and_udp_across_nodes(trio):
    near, _, far = trio
    assert near.asks(far, "tcp") == f"{far.ip} answers"
    assert near.asks(far, "udp") == f"{far.ip} answers"


def test_networks_with_one_subnet_are_apart(trio, stranger):
    near, _, far = trio
    other, twin = stranger
    assert near.reaches(far.ip)
    assert other.reaches(twin.ip)
    assert not near.reaches(other.ip, count=1)
    assert not other.reaches(near.ip, count=1)
    # Each reaches its own peer by the address that both networks have.
    assert near.asks(far, "tcp", identity="blue of one") == "blue of one"
    assert other.asks(twin, "tcp", identity="blue of two") == "blue of two"


def test_gateway_is_the_same_at_every_node(trio):
    near, _, far = trio
    for workload in (near, far):
        assert workload.run("busybox", "arping", "-c", "1", "-I", "eth0", "10.10.0.1").stdout.count("0a:58:0a:0a:00:01")
        assert workload.reaches("10.10.0.1")


def test_egress_and_back_from_every_node(bench, trio):
    near, _, far = trio
    for workload in (near, far):
        workload.run("ip", "route", "replace", "default", "via", "10.10.0.1")
        assert workload.reaches("203.0.113.10")
        assert workload.asks_at("203.0.113.10", 8080, "tcp") == "outside\n"
        assert workload.asks_at("203.0.113.10", 8080, "udp") == "outside\n"


def test_other_networks_are_not_reached_by_way_of_the_gateway(bench, trio):
    bench.run(bench.northbound.ensure_layer2(Layer2("ns3_red", ("10.30.0.0/24",), nodes=NODES)))
    red = bench.workload("ns3_red", "worker-2", "10.30.0.11")
    red.run("ip", "route", "replace", "default", "via", "10.30.0.1")
    near = trio[0]
    near.run("ip", "route", "replace", "default", "via", "10.10.0.1")
    assert red.reaches("203.0.113.10")
    assert near.reaches("203.0.113.10")
    assert not red.reaches(near.ip, count=1)
    assert not near.reaches(red.ip, count=1)


def test_mtu_passes_unfragmented_and_one_byte_more_does_not_leave(trio):
    near, _, far = trio
    assert near.ping_unfragmented(far.ip, 1400).returncode == 0
    more = near.ping_unfragmented(far.ip, 1401)
    assert more.returncode != 0
    assert "too long" in (more.stdout + more.stderr).lower()


def test_foreign_source_addresses_are_dropped(trio):
    near, _, far = trio
    assert near.reaches(far.ip)
    near.run("ip", "addr", "add", "10.10.0.99/24", "dev", "eth0")
    far.run("ip", "neigh", "replace", "10.10.0.99", "lladdr", near.mac, "dev", "eth0")
    try:
        assert not near.reaches(far.ip, "-I", "10.10.0.99", count=1)
    finally:
        near.run("ip", "addr", "del", "10.10.0.99/24", "dev", "eth0")
        far.run("ip", "neigh", "del", "10.10.0.99", "dev", "eth0")
    near.run("ip", "link", "set", "eth0", "address", "0a:58:00:00:00:99")
    try:
        assert not near.reaches(far.ip, count=1)
    finally:
        near.run("ip", "link", "set", "eth0", "address", near.mac)
    assert near.reaches(far.ip)


@pytest.mark.parametrize("mtu", [None, 1300])
def test_dhcp_by_a_real_client(bench, tmp_path, mtu):
    name = f"ns4_dhcp{mtu or ''}"
    network = Layer2(name, ("10.40.0.0/24",), mtu=mtu, nodes=NODES, dns_servers=("10.96.0.10",))
    bench.run(bench.northbound.ensure_layer2(network))
    client = bench.workload(name, "worker-1", "10.40.0.7", dhcp=True, hostname="vm1")
    lease = tmp_path / "lease"
    done = client.run(
        *["busybox", "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", str(DHCP_SCRIPT)],
        *["-O", "mtu", "-O", "hostname", "-O", "router", "-O", "dns"],
        env={**os.environ, "LEASE": str(lease)},
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split("=", 1) for line in lease.read_text().splitlines())
    assert told == {
        "ip": "10.40.0.7",
        "subnet": "255.255.255.0",
        "router": "10.40.0.1",
        "dns": "10.96.0.10",
        "hostname": "vm1",
        "lease": "3500",
        "serverid": "169.254.1.1",
        **({"mtu": str(mtu)} if mtu else {}),
    }
    assert client.reaches("203.0.113.10")


def test_network_without_subnets_holds_ports_to_their_mac_alone(bench):
    bench.run(bench.northbound.ensure_layer2(Layer2("ns8_bare", primary=False, nodes=NODES)))
    near = bench.workload("ns8_bare", "worker-1", "10.80.0.5", ips=())
    far = bench.workload("ns8_bare", "worker-2", "10.80.0.6", ips=())
    assert near.reaches(far.ip)
    near.run("ip", "addr", "add", "10.80.0.99/24", "dev", "eth0")
    assert near.reaches(far.ip, "-I", "10.80.0.99")
    near.run("ip", "link", "set", "eth0", "address", "0a:58:00:00:00:98")
    assert not near.reaches(far.ip, count=1)


def test_disabled_port_is_cut_off_and_comes_back(bench, trio):
    near, _, far = trio
    assert near.reaches(far.ip)
    (port,) = [port for port in bench.run(bench.northbound.ports("ns1_blue")) if port.name == far.port]
    bench.port(port, enabled=False)
    assert not near.reaches(far.ip, count=1)
    bench.port(port, enabled=True)
    assert near.reaches(far.ip)


def test_what_is_ensured_can_be_read_back_and_deleted(bench):
    northbound = bench.northbound
    network = Layer2("ns5_gone", ("10.50.0.0/24",), nodes=NODES)
    for _ in range(2):
        bench.run(northbound.ensure_layer2(network))
    workload = bench.workload("ns5_gone", "worker-1", "10.50.0.5", dhcp=True, hostname="vm5")
    assert "ns5_gone" in bench.run(northbound.networks())
    (port,) = bench.run(northbound.ports("ns5_gone"))
    assert (port.name, port.mac, port.ips, port.nodes) == (workload.port, workload.mac, ("10.50.0.5",), ("worker-1",))
    assert port.dhcp
    assert port.hostname == "vm5"
    assert port.enabled
    for _ in range(2):
        bench.run(northbound.delete_port(port.name))
        assert bench.run(northbound.ports("ns5_gone")) == ()
        bench.run(northbound.delete_network("ns5_gone"))
    assert "ns5_gone" not in bench.run(northbound.networks())
    assert not bench.mentions("ns5_gone", layer2_switch("ns5_gone"))


def test_port_of_an_unknown_network_is_refused(bench):
    with pytest.raises(NoSuchNetwork, match="no switch of network ns9_none"):
        bench.workload("ns9_none", "worker-1", "10.90.0.1")
