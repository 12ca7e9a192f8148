"""Services at their cluster address: whom they reach, from where, and what becomes of that when a VM moves."""

from collections import Counter
from dataclasses import replace

import pytest

from conformance import verifies
from conformance.kube.manifests import GROUP_LABEL
from conformance.traffic import Cell, assert_matrix, cells, matrix, stream, tcp, udp
from conformance.traffic.probe import PORT
from suites.services.conftest import STREAM_TARGET

pytestmark = pytest.mark.xdist_group("services")

WAYS = (tcp(), udp())
ATTEMPTS = 20  # all of them to one of two VMs by chance: twice in a million


@verifies("services/cluster-ip")
def test_a_service_reaches_its_vms_from_vms_and_pods_of_the_network(served, pods, everyone, one):
    first, second = served
    both, alone = everyone.in_the_cluster(*served, target=PORT), one.in_the_cluster(first, target=PORT)
    assert_matrix(cells([first, second, pods.near], [both, alone], WAYS, True), "services of the VMs")


@verifies("services/balances")
def test_requests_spread_over_all_vms(served, pods, everyone):
    place = everyone.in_the_cluster(*served, target=PORT)
    each = [Cell(pods.near, replace(place, name=f"{place} #{number}"), tcp(), True) for number in range(ATTEMPTS)]
    with matrix([pods.near, *served], [tcp()]) as made:
        answers = Counter(finding.seen.by for finding in made.check(each, "requests by one client"))

    spread = {str(machine): answers[machine] for machine in served}
    idle = [name for name, count in spread.items() if count == 0]
    assert not idle, (
        f"{pods.near} -> {everyone} ({place.address}): of {ATTEMPTS} requests none came to {idle}: {spread}"
    )


@verifies("services/cluster-ip-isolated")
def test_services_of_one_network_are_not_reachable_from_another(served, pods, everyone):
    other = pods.tenants.other.service("other", {GROUP_LABEL: "other"})
    default = pods.tenants.default.service("default", {GROUP_LABEL: "default"})
    homes = {
        everyone.in_the_cluster(*served, target=PORT): [*served, pods.near],
        other.in_the_cluster(*pods.other, target=PORT): pods.other,
        default.in_the_cluster(*pods.default, target=PORT): pods.default,
    }
    clients = [*served, pods.near, *pods.other, *pods.default]
    assert_matrix(
        cells(clients, homes, WAYS, lambda client, service, _: client in homes[service]), "services of three networks"
    )


@verifies("services/survive-migration")
def test_a_service_follows_its_vm_to_another_node(served, pods, one, limits):
    mover, peer = served
    session = one.in_the_cluster(mover, target=STREAM_TARGET)
    with stream(peer, mover, STREAM_TARGET, through=session) as held:
        move = mover.migrate()
    assert move.target != move.source
    assert held.arrived_in_order, f"{held.timeline}; {'; '.join(held.faults)}"
    assert held.longest_silence < limits.migration_silence, f"{held.timeline}"
    assert_matrix(
        cells([peer, pods.near], [one.in_the_cluster(mover, target=PORT)], WAYS, True), "the service after the move"
    )
