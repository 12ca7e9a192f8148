"""One network over several namespaces: who is on it, and who is not."""

import pytest

from conformance import verifies
from conformance.traffic import EVERY_WAY, cells

pytestmark = pytest.mark.xdist_group("primary-cudn")


def apart(*sides):
    """Everyone to everyone by every way: open within a side, shut between the sides."""
    side_of = {id(peer): number for number, side in enumerate(sides) for peer in side}
    everyone = [peer for side in sides for peer in side]
    return cells(everyone, everyone, EVERY_WAY, lambda client, server, _: side_of[id(client)] == side_of[id(server)])


@verifies("primary-cudn/cross-namespace")
def test_vms_of_two_namespaces_reach_each_other(stage, shared):
    pair = shared.on_different_nodes()
    assert pair[0].namespace != pair[1].namespace
    stage.check(cells(pair, pair, EVERY_WAY, True), "over two namespaces")


@verifies("primary-cudn/addresses-unique-across-namespaces")
def test_no_address_is_given_to_two_namespaces(stage, realm, shared):
    holders = {}
    for tenant, machine in zip(realm, shared, strict=True):
        pods = [tenant.pod(f"pod-{number}") for number in range(3)]
        for pod in pods:
            pod.wait_running()
        nic = machine.guest.nic()
        assert nic.addresses == [machine.address], f"{machine}: guest has {nic.addresses}, VMI says {machine.address}"
        for holder in (machine, *pods):
            address = holder.address
            assert address in tenant.subnet, f"{holder} has {address}, not of {tenant.subnet}"
            assert address not in holders, f"{address} is in use twice: by {holders[address]} and {holder}"
            holders[address] = holder


@verifies("primary-cudn/not-selected-is-outside")
def test_a_vm_of_another_namespace_is_outside(stage, shared, unselected):
    stage.check(apart(shared.on_different_nodes(), unselected), "selected and not selected")


@verifies("primary-cudn/separate-cudns-isolated")
def test_two_cluster_networks_are_isolated(stage, shared, far):
    stage.check(apart(shared.on_different_nodes(), far), "two cluster networks")


@verifies("primary-cudn/cross-namespace-after-migration")
def test_vms_of_two_namespaces_reach_each_other_after_migrations(stage, shared):
    mover, peer = shared.on_different_nodes()
    stayed, paths = peer.node, cells((mover, peer), (mover, peer), EVERY_WAY, True)
    stage.check(paths, "before a migration")
    for target in (stayed, None):
        move = mover.migrate(to=target)
        assert move.target != move.source
        stage.check(paths, f"after a migration from {move.source} to {move.target}")
    assert peer.node == stayed, f"{peer} moved as well"
