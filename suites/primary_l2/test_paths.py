"""How packets travel between VMs of one network."""

import pytest

from conformance import verifies
from conformance.traffic import exchange, reach, source_seen_by

pytestmark = pytest.mark.xdist_group("primary-l2")

INITIAL_TTL = 64


def shares_a_segment(client, server):
    """Each reply comes from the server itself, over no router: TTL as sent, its own MAC in the neighbour table."""
    reach(client, server, "icmp")  # not judged: neighbours resolve meanwhile, and first packets may be lost
    ping = client.guest.ping(server.address)
    assert ping.received == ping.sent, f"{client} -> {server}: {ping}"
    assert set(ping.ttls) == {INITIAL_TTL}, f"{client} -> {server}: replies arrive with TTL {ping.ttls}: routed"
    neighbour = client.guest.neighbour(server.address)
    assert neighbour == server.mac, f"{client} -> {server}: neighbour is {neighbour}, not the peer's {server.mac}"


@verifies("primary-l2/same-subnet-across-nodes")
def test_vms_on_different_nodes_share_a_segment(red):
    client, server = red.on_different_nodes()
    shares_a_segment(client, server)
    shares_a_segment(server, client)


@verifies("primary-l2/same-node")
def test_vms_on_one_node_share_a_segment(red):
    client, server = red.on_same_node()
    shares_a_segment(client, server)
    shares_a_segment(server, client)


@verifies("primary-l2/tcp-and-udp")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("placement", ["on_different_nodes", "on_same_node"])
def test_payload_arrives_intact_both_ways(red, placement, protocol):
    one, other = getattr(red, placement)()
    for client, server in ((one, other), (other, one)):
        sent, received = exchange(client, server, protocol)
        assert received == sent, f"{protocol} {client} -> {server}: payload changed: sent {sent}, came back {received}"


@verifies("primary-l2/mtu")
def test_the_mtu_passes_and_one_byte_more_does_not_leave(red):
    client, server = red.on_different_nodes()
    mtu = red.tenant.network.mtu
    assert client.guest.nic().mtu == mtu, f"{client}: MTU {client.guest.nic().mtu}, the network's is {mtu}"

    largest = client.guest.ping(server.address, packet=mtu, fragment=False)
    assert largest.received == largest.sent, f"{client} -> {server}: packets of {mtu} bytes are lost: {largest}"
    larger = client.guest.ping(server.address, packet=mtu + 1, fragment=False)
    assert larger.received == 0, f"{client} -> {server}: packets of {mtu + 1} bytes pass: {larger}"
    assert larger.too_long, (
        f"{client} -> {server}: {mtu + 1} bytes are lost on the way, not refused by the guest: {larger}"
    )


@verifies("primary-l2/no-nat-between-vms")
def test_a_peer_sees_the_vms_own_address(red):
    client, server = red.on_different_nodes()
    for one, other in ((client, server), (server, client)):
        seen = source_seen_by(other, one)
        assert seen == one.address, f"{other} sees {one} as {seen}"

    move = client.migrate()
    assert move.target != move.source
    for one, other in ((client, server), (server, client)):
        seen = source_seen_by(other, one)
        assert seen == one.address, f"after the migration {other} sees {one} as {seen}"
