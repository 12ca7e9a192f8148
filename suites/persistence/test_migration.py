"""What outlives a live migration."""

import pytest

from conformance import verifies
from conformance.traffic import EVERY_WAY, assert_matrix, assert_reaches, cells

pytestmark = pytest.mark.xdist_group("persistence-migration")


def keeps_identity(machine, before):
    """The guest, the VMI and the claim still say what they said before."""
    assert machine.identity() == before, f"{machine}: was {before}, is {machine.identity()}"


@verifies("persistence/session-survives-migration-of-server")
def test_open_session_outlives_migration_of_its_server(pair, limits):
    server, client = pair.on_different_nodes()
    with client.stream_to(server, port=5201) as stream:
        move = server.migrate()
    assert move.target != move.source
    assert stream.arrived_in_order, f"{stream.timeline}; {'; '.join(stream.faults)}"
    assert stream.longest_silence < limits.migration_silence, f"{stream.timeline}"


@verifies("persistence/session-survives-migration-of-client")
def test_open_session_outlives_migration_of_its_client(pair, limits):
    server, client = pair.on_different_nodes()
    with client.stream_to(server, port=5202, measured_on=server) as stream:
        move = client.migrate()
    assert move.target != move.source
    assert stream.arrived_in_order, f"{stream.timeline}; {'; '.join(stream.faults)}"
    assert stream.longest_silence < limits.migration_silence, f"{stream.timeline}"


@verifies("persistence/live-migration-keeps-address")
def test_live_migration_keeps_the_address(pair):
    mover, peer = pair.on_different_nodes()
    before, stayed, boot = mover.identity(), peer.node, mover.guest.boot_id()

    move = mover.migrate()

    assert mover.node == move.target != move.source
    assert peer.node == stayed, f"{peer} moved as well"
    assert mover.guest.boot_id() == boot, f"{mover} was booted again: that was no live migration"
    keeps_identity(mover, before)
    assert_matrix(cells((mover, peer), (mover, peer), EVERY_WAY, True), "after a migration")


@verifies("persistence/gateway-survives-migration")
def test_the_gateway_answers_after_migration(pair, outside):
    mover, _ = pair.on_different_nodes()
    gateway = mover.pod.primary_network.gateways[0]
    mover.guest.must_reach_address(gateway)
    mover.guest.must_reach_address(outside)
    mac = mover.guest.neighbour(gateway)

    mover.migrate()

    assert mover.guest.neighbour(gateway) in (mac, None), f"{mover}: the gateway's MAC changed by itself"
    mover.guest.forget_neighbour(gateway)
    mover.guest.must_reach_address(gateway)
    assert mover.guest.neighbour(gateway) == mac, (
        f"{mover}: gateway {gateway} was {mac}, is {mover.guest.neighbour(gateway)}"
    )
    mover.guest.must_reach_address(outside)


@verifies("persistence/failed-migration-harmless")
def test_a_migration_that_fails_leaves_the_vm_as_it_was(pair):
    mover, peer = pair.on_different_nodes()
    before, node, boot = mover.identity(), mover.node, mover.guest.boot_id()

    why = mover.fail_to_migrate()

    assert mover.node == node, f"{mover} is on {mover.node}, not on {node}, though its migration failed: {why}"
    peer.guest.must_reach_address(mover.address)
    keeps_identity(mover, before)
    assert mover.guest.boot_id() == boot, f"{mover} was booted again"
    assert_matrix(cells((mover, peer), (mover, peer), EVERY_WAY, True), "after a failed migration")
    # Nothing is left of it that would hinder the next.
    assert mover.migrate().source == node
    assert_reaches(peer, mover, "icmp")


@verifies("persistence/migrate-there-and-back")
def test_several_hops_keep_address_and_connectivity(pair):
    mover, peer = pair.on_different_nodes()
    before, first = mover.identity(), mover.node

    visited = [first]
    for _ in range(3):
        move = mover.migrate()
        visited.append(move.target)
        keeps_identity(mover, before)
        assert_reaches(peer, mover, "icmp")
        assert_reaches(mover, peer, "icmp")
    assert first in visited[2:], f"{mover} never came back to {first}: {visited}"
