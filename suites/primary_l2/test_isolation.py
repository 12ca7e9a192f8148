"""What a network keeps apart, and what its ports let through."""

import pytest

from conformance import verifies
from conformance.traffic import assert_blocked, assert_reaches

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/tenants-isolated")
@pytest.mark.parametrize("protocol", ["icmp", "tcp", "udp"])
def test_vms_of_different_networks_cannot_reach_each_other(red, twins, protocol):
    blue = twins[0]
    for group, others in ((red, blue), (blue, red)):
        server = group.any()
        assert_blocked(others.one_on_each_node(), server, protocol, baseline=group.neighbour_of(server))


@verifies("primary-l2/overlapping-subnets")
@pytest.mark.parametrize("protocol", ["icmp", "tcp", "udp"])
def test_tenants_with_one_subnet_reach_only_their_own_peer(twins, protocol):
    first, second = twins
    assert {machine.address for machine in first} & {machine.address for machine in second}, (
        "no address is in use twice: the tenants do not overlap"
    )
    for pair in twins:
        client, server = pair.on_different_nodes()
        assert_reaches(client, server, protocol)
        assert_reaches(server, client, protocol)


@verifies("primary-l2/spoofing-prevented")
def test_packets_with_a_foreign_source_address_are_dropped(red):
    client, server = red.on_different_nodes()
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
def test_frames_with_a_foreign_mac_are_dropped(red):
    client, server = red.on_different_nodes()

    client.guest.must_reach_address(server.address)
    # Answers go to the MAC that the network knows, and never come: what counts is what the server gets.
    before = server.guest.counters()["Icmp.InEchos"]
    with client.guest.with_mac("02:00:00:aa:bb:cc"):
        spoofed = client.guest.ping(server.address)
    arrived = server.guest.counters()["Icmp.InEchos"] - before
    client.guest.must_reach_address(server.address)
    assert arrived == 0, f"{client} -> {server}: {arrived} packets in frames with a foreign MAC arrive: {spoofed}"
