"""Load balancers: a network's own clients, another network's, and clients beyond the cluster."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab import netns
from lab.fabric.model import DEFAULT_NETWORK, Balancer, Entrance, Layer2

pytestmark = pytest.mark.lab

SERVE = """
import socket, sys
with socket.create_server((sys.argv[1], 5000), reuse_port=False) as server:
    print("listening", flush=True)
    while True:
        client, _ = server.accept()
        client.sendall(sys.argv[1].encode())
        client.close()
"""
ASK = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as client:
        print(client.recv(100).decode(), end="")
except OSError as error:
    print(type(error).__name__, end="")
"""


@pytest.fixture
def serving(bench):
    """Have a workload tell its address to who connects to its port 5000."""
    running = []

    def serve(workload):
        argv = netns.command(workload.namespace, [sys.executable, "-c", SERVE, workload.ip])
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline() == "listening\n"

    yield serve
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(bench, namespace, address, port):
    inside = netns.command(namespace, [sys.executable, "-c", ASK, address, str(port)])
    return subprocess.run(inside, capture_output=True, text=True, timeout=20, check=True).stdout


@pytest.fixture(scope="module")
def network(bench):
    name = "ns7_served"
    nodes = tuple(node.name for node in bench.config.nodes)
    bench.run(bench.northbound.ensure_layer2(Layer2(name, ("10.61.0.0/24",), nodes=nodes)))
    yield name
    bench.run(bench.northbound.delete_network(name))
    assert not bench.mentions("ns7_served", "ns7.served")


@pytest.fixture(scope="module")
def machines(bench, network):
    """A client, one beside it, one at another node."""
    client = bench.workload(network, "worker-1", "10.61.0.5")
    beside = bench.workload(network, "worker-1", "10.61.0.6")
    far = bench.workload(network, "worker-2", "10.61.0.7")
    for workload in (client, beside, far):
        workload.run("ip", "route", "replace", "default", "via", "10.61.0.1")
    return client, beside, far


def test_a_service_reaches_its_backends_from_its_own_network_alone(bench, network, machines, serving):
    client, beside, far = machines
    serving(beside)
    serving(far)
    fronts = {"10.96.7.7:80": (f"{beside.ip}:5000", f"{far.ip}:5000"), "10.96.7.8:80": ()}
    bench.run(bench.northbound.ensure_balancer(Balancer("ns7/s_TCP", network, "TCP", fronts)))
    bench.run(bench.northbound.sync())
    answers = {ask(bench, client.namespace, "10.96.7.7", 80) for _ in range(20)}
    assert answers == {beside.ip, far.ip}
    itself = {ask(bench, beside.namespace, "10.96.7.7", 80) for _ in range(20)}
    assert itself == {beside.ip, far.ip}
    assert ask(bench, client.namespace, "10.96.7.8", 80) == "ConnectionRefusedError"
    stranger = bench.workload(DEFAULT_NETWORK, "worker-1", "10.244.1.77")
    stranger.run("ip", "route", "replace", "default", "via", "10.244.1.1")
    assert ask(bench, stranger.namespace, "10.96.7.7", 80) not in (beside.ip, far.ip)


def test_an_entrance_leads_from_the_outside_to_every_backend(bench, network, machines, serving):
    client, beside, far = machines
    serving(beside)
    serving(far)
    backends = (f"{beside.ip}:5000", f"{far.ip}:5000")
    address = bench.run(bench.northbound.ensure_entrance(Entrance("ns7/s_in", network, "TCP", {30080: backends})))
    bench.run(bench.northbound.sync())
    answers = {ask(bench, bench.config.netns("out"), address, 30080) for _ in range(20)}
    assert answers == {beside.ip, far.ip}
    assert client.reaches("203.0.113.10")
