"""A network with a subnet of each family: what the other tests say of IPv4 holds for IPv6 beside it."""

import pytest

from conformance import verifies
from conformance.side_by_side import side_by_side
from conformance.traffic import EVERY_WAY, assert_matrix, cells, exchange, source_seen_by
from conformance.traffic.peers import At

pytestmark = pytest.mark.xdist_group("primary-l2-dual-stack")


@pytest.fixture(scope="module", autouse=True)
def _all_ready():
    """These tests have machines of their own: in a worker of theirs, nobody needs the package's others."""


@pytest.fixture(scope="module")
def dual(tenants):
    """Two VMs on different nodes, on a network with a subnet of each family."""
    return tenants.dual_stack("dual").pair().ready()


@pytest.fixture(scope="module")
def strangers(tenants):
    """Pods of another such network, and of the cluster network."""
    others = tenants.dual_stack("dual-other").pods_apart("pod-a", "pod-b")
    plain = tenants.without_label("dual-plain").pods_apart("plain-a", "plain-b")
    side_by_side([pod.wait_running for pod in (*others, *plain)])
    return others, plain


def addresses(machine, network):
    """Its address of each family, as soon as the guest has them."""
    return [machine.guest.wait_address_in(str(subnet)) for subnet in network.subnets]


def by_ipv6(peers):
    """The peers at their IPv6 addresses."""
    return [At(peer, next(address for address in peer.addresses if ":" in address)) for peer in peers]


def reach_each_other(network, one, other):
    """Each reaches the other at its address of either family, and by its own MAC."""
    for client, server in ((one, other), (other, one)):
        ipv4, ipv6 = addresses(server, network)
        client.guest.must_reach_address(ipv4)
        client.guest.must_reach_address(ipv6)
        for address in (ipv4, ipv6):
            neighbour = client.guest.neighbour(address)
            assert neighbour == server.mac, f"{client} -> {server}: {address} is at {neighbour}, not at {server.mac}"
    pair = by_ipv6((one, other))
    assert_matrix(cells(pair, pair, EVERY_WAY, True), "by IPv6")


@verifies("primary-l2/dual-stack")
def test_everyone_agrees_on_an_address_of_each_subnet(dual):
    for machine in dual:
        expected = addresses(machine, dual.tenant.network)
        attachment = machine.pod.primary_network
        told = {
            "the guest": machine.guest.nic().addresses,
            "the VMI": machine.addresses,
            "the pod": attachment.addresses,
            "the claim": machine.claim().addresses,
        }
        for who, has in told.items():
            assert sorted(has) == sorted(expected), f"{machine}: {who} has {has}, expected {expected}"


@verifies("primary-l2/dual-stack")
def test_the_router_is_found_by_both_families(dual):
    for machine in dual:
        guest, attachment = machine.guest, machine.pod.primary_network
        addresses(machine, dual.tenant.network)
        ipv4 = [gateway for gateway in attachment.gateways if ":" not in gateway]
        advertised = guest.wait_gateway(6)
        assert guest.gateways() == (*ipv4, advertised), f"{machine}: default routes by {guest.gateways()}"
        for gateway in attachment.gateways:
            guest.must_reach_address(gateway)


@verifies("primary-l2/dual-stack")
def test_machines_on_different_nodes_reach_each_other(dual):
    reach_each_other(dual.tenant.network, *dual.on_different_nodes())


@verifies("primary-l2/dual-stack")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_payload_arrives_intact_both_ways(dual, protocol):
    client, server = dual.on_different_nodes()
    _, address = addresses(server, dual.tenant.network)

    sent, received = exchange(client, At(server, address), protocol)
    assert received == sent, f"{protocol} {client} -> {server}: payload changed: sent {sent}, came back {received}"


@verifies("primary-l2/dual-stack")
def test_a_peer_sees_the_vms_own_address(dual):
    client, server = dual.on_different_nodes()
    own, there = (addresses(machine, dual.tenant.network)[1] for machine in (client, server))

    seen = source_seen_by(At(server, there), client)
    assert seen == own, f"{server} sees {client} ({own}) as {seen}"


@verifies("primary-l2/dual-stack")
def test_the_mtu_passes_and_one_byte_more_does_not_leave(dual):
    network = dual.tenant.network
    client, server = dual.on_different_nodes()
    addresses(client, network)
    address = addresses(server, network)[1]

    largest = client.guest.ping(address, packet=network.mtu, fragment=False)
    assert largest.received == largest.sent, f"{client} -> {server}: {network.mtu} bytes are lost: {largest}"
    larger = client.guest.ping(address, packet=network.mtu + 1, fragment=False)
    assert larger.received == 0, f"{client} -> {server}: packets of {network.mtu + 1} bytes pass: {larger}"


@verifies("primary-l2/dual-stack")
def test_strangers_do_not_reach_machines_by_ipv6(dual, strangers):
    for machine in dual:
        addresses(machine, dual.tenant.network)
    machines, others, plain = (by_ipv6(peers) for peers in (dual, *strangers))
    within = [cell for group in (machines, others, plain) for cell in cells(group, group, EVERY_WAY, True)]
    between = [
        cell
        for group in (others, plain)
        for cell in (*cells(group, machines, EVERY_WAY, False), *cells(machines, group, EVERY_WAY, False))
    ]
    assert_matrix([*within, *between], "networks of both families")


@verifies("primary-l2/dual-stack")
def test_both_addresses_move_with_the_machine(dual):
    network = dual.tenant.network
    client, server = dual.on_different_nodes()
    before = addresses(server, network)

    move = server.migrate()

    assert move.target != move.source
    assert addresses(server, network) == before, f"{server} had {before}, now {server.guest.nic().addresses}"
    reach_each_other(network, client, server)


@verifies("primary-l2/dual-stack")
def test_machines_on_one_node_reach_each_other(dual):
    reach_each_other(dual.tenant.network, *dual.on_same_node())
