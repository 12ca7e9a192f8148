"""What a network keeps apart, and what its ports let through."""

import pytest

from conformance import verifies
from conformance.traffic import EVERY_WAY, assert_matrix, cells

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/tenants-isolated")
def test_vms_of_different_networks_cannot_reach_each_other(red, twins):
    blue = twins[0]
    within = [*cells(red, red, EVERY_WAY, True), *cells(blue, blue, EVERY_WAY, True)]
    between = [*cells(red, blue, EVERY_WAY, False), *cells(blue, red, EVERY_WAY, False)]
    assert_matrix([*within, *between], "two networks")


@verifies("primary-l2/overlapping-subnets")
def test_tenants_with_one_subnet_reach_only_their_own_peer(twins):
    first, second = twins
    assert {machine.address for machine in first} & {machine.address for machine in second}, (
        "no address is in use twice: the tenants do not overlap"
    )
    for pair in twins:
        pair.on_different_nodes()
    assert_matrix([*cells(first, first, EVERY_WAY, True), *cells(second, second, EVERY_WAY, True)], "one subnet twice")


@pytest.fixture(params=["forth", "back"])
def spoofer(red, request):
    """Who sends what is not its own, and to whom: each node's ports are guarded by that node."""
    client, server = red.on_different_nodes()
    return (client, server) if request.param == "forth" else (server, client)


@verifies("primary-l2/spoofing-prevented")
def test_packets_with_a_foreign_source_address_are_dropped(red, spoofer):
    client, server = spoofer
    foreign = red.tenant.subnet.address(-2)

    client.guest.must_reach_address(server.address)
    before = server.guest.counters()["Icmp.InEchos"]
    with client.guest.also_having(foreign, red.tenant.subnet.prefix_length):
        spoofed = client.guest.ping(server.address, source=foreign)
        arrived = server.guest.counters()["Icmp.InEchos"] - before
        assert server.guest.neighbour(foreign) is None, f"{server} learned {foreign} from {client}"
    client.guest.must_reach_address(server.address)
    assert arrived == 0, f"{client} -> {server}: {arrived} packets from {foreign} arrive: {spoofed}"


@verifies("primary-l2/spoofing-prevented")
def test_frames_with_a_foreign_mac_are_dropped(spoofer):
    client, server = spoofer

    client.guest.must_reach_address(server.address)
    # Answers go to the MAC that the network knows, and never come: what counts is what the server gets.
    before = server.guest.counters()["Icmp.InEchos"]
    with client.guest.with_mac("02:00:00:aa:bb:cc"):
        spoofed = client.guest.ping(server.address)
    arrived = server.guest.counters()["Icmp.InEchos"] - before
    client.guest.must_reach_address(server.address)
    assert arrived == 0, f"{client} -> {server}: {arrived} packets in frames with a foreign MAC arrive: {spoofed}"
