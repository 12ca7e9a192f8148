"""A segment on each node, and routers between them."""

from itertools import groupby

import pytest

from conformance import verifies
from conformance.tenancy import Subnet
from conformance.traffic import EVERY_WAY, assert_matrix, cells, reach
from conformance.verdicts import Blocked

pytestmark = pytest.mark.xdist_group("primary-l3")

INITIAL_TTL = 64


@pytest.fixture(scope="module")
def by_node(residents):
    """The residents of each node."""
    placed = sorted(((pod.node, pod) for pod in residents), key=lambda entry: entry[0])
    nodes = {node: [pod for _, pod in entries] for node, entries in groupby(placed, key=lambda entry: entry[0])}
    if len(nodes) < 2 or any(len(pods) < 2 for pods in nodes.values()):
        raise Blocked(f"the pods are not two on each of two nodes: {placed}")
    return nodes


@verifies("primary-l3/segment-per-node")
def test_each_node_has_a_segment_of_the_size_asked_for(home, by_node):
    network, segments = home.network, {}
    for node, pods in by_node.items():
        for pod in pods:
            cidrs = [cidr for nic in pod.guest.nics() for cidr in nic.cidrs if cidr.startswith(f"{pod.address}/")]
            assert cidrs, f"{pod}: none of its NICs has {pod.address}: {pod.guest.nics()}"
            length = int(cidrs[0].rpartition("/")[2])
            assert length == network.host_subnet, (
                f"{pod} has {pod.address}, of a segment of /{length}, not /{network.host_subnet}"
            )
            assert pod.address in network.subnet, f"{pod}: {pod.address} is not of {network.subnet}"
            segment = Subnet.around(pod.address, network.host_subnet)
            assert segments.setdefault(node, segment) == segment, (
                f"{pod} on {node} has {pod.address}, others there are in {segments[node]}"
            )
    one, other = list(segments)[:2]
    assert segments[one] != segments[other], f"{one} and {other} share segment {segments[one]}"


@verifies("primary-l3/routed-between-nodes")
def test_packets_between_nodes_pass_routers(by_node):
    (one, beside_one), (other, beside_other), *_ = by_node.values()
    for client, server, neighbour in ((one, other, beside_one), (other, one, beside_other)):
        for peer in (server, neighbour):
            reach(client, peer, "icmp")  # not judged: neighbours resolve meanwhile, and first packets may be lost
        # The way is open, and a packet that may take one hop gets to the neighbour; to the other node it needs more.
        ping, near = client.guest.ping(server.address), client.guest.ping(neighbour.address, ttl=1)
        assert ping.all_answered, f"icmp {client} -> {server}: {ping}"
        assert near.all_answered, f"icmp {client} -> {neighbour}, one hop: {near}: not on one segment"
        far = client.guest.ping(server.address, ttl=1)
        assert far.received == 0, (
            f"icmp {client} -> {server} is not routed: packets that may take one hop arrive: {far}"
        )
        assert not ping.ttls or max(ping.ttls) < INITIAL_TTL, (
            f"icmp {client} -> {server} is not routed: replies arrive with TTL {ping.ttls}"
        )


@verifies("primary-l3/routed-between-nodes")
def test_everyone_reaches_everyone_of_the_network(residents):
    assert_matrix(cells(residents, residents, EVERY_WAY, True), "one Layer3 network")


@verifies("primary-l3/cross-namespace")
def test_a_cluster_network_connects_its_namespaces(united):
    assert len({pod.namespace for pod in united}) == 2
    assert_matrix(cells(united, united, EVERY_WAY, True), "two namespaces of a Layer3 network")


@verifies("primary-l3/isolated")
def test_two_layer3_networks_are_isolated(residents, neighbours):
    everyone = [*residents[:2], *neighbours]
    assert_matrix(
        cells(everyone, everyone, EVERY_WAY, lambda client, server, _: client.namespace == server.namespace),
        "two Layer3 networks",
    )
