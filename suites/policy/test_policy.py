"""What a NetworkPolicy does to VMs on a primary network, by ICMP, TCP and UDP."""

from dataclasses import replace

import pytest

from conformance import verifies
from conformance.kube.policy_manifests import VM_NAME_LABEL, allow_ingress, deny_all, pods, port
from conformance.traffic import ICMP, cells, matrix, tcp, udp

pytestmark = pytest.mark.xdist_group("policy")

OPEN, CLOSED = tcp(5000), tcp(5001)
WAYS = (ICMP, OPEN, CLOSED, udp(5000))
SETTLES = "policy-effective"


@pytest.fixture(scope="module")
def traffic(guarded, other):
    """All VMs, ready to be asked by all ways."""
    everyone = [*guarded, *other]
    with matrix(everyone, WAYS) as made:
        yield made


def assert_open_before(traffic, planned):
    """What a policy is to shut is open without it."""
    traffic.check([replace(cell, allowed=True) for cell in planned if not cell.allowed], "without a policy")


@verifies("policy/default-deny")
def test_deny_all_blocks_traffic_until_it_is_removed(traffic, guarded, other):
    everyone = [*guarded, *other]
    planned = [*cells(everyone, guarded, WAYS, False), *cells(guarded, other, WAYS, False)]
    assert_open_before(traffic, planned)
    with guarded.tenant.policy("deny-all", deny_all()):
        traffic.check(planned, "with deny-all", SETTLES)

    traffic.check(cells(everyone, everyone, WAYS, True), "deny-all removed")


@verifies("policy/allow-same-namespace")
def test_allowing_the_namespace_lets_in_its_vms_and_no_other(traffic, guarded, other):
    within, outward = cells(guarded, guarded, WAYS, True), cells(guarded, other, WAYS, True)
    planned = [*within, *outward, *cells(other, guarded, WAYS, False)]
    assert_open_before(traffic, planned)
    with guarded.tenant.policy("same-namespace", allow_ingress([pods()])):
        traffic.check(planned, "with same-namespace", SETTLES)


def one_client_one_port(server, client):
    """Only ``client`` comes in to ``server``, and only on the open port; and what is to be seen of that."""
    spec = allow_ingress(
        [pods({VM_NAME_LABEL: client.name})], [port("tcp", OPEN.port)], to={VM_NAME_LABEL: server.name}
    )
    return spec, lambda one, to, way: to is not server or (one is client and way == OPEN)


@verifies("policy/allow-by-label-and-port")
def test_selectors_and_ports_are_honoured(traffic, guarded, other):
    everyone = [*guarded, *other]
    spec, allowed = one_client_one_port(*guarded.on_different_nodes())
    planned = cells(everyone, everyone, WAYS, allowed)
    assert_open_before(traffic, planned)
    with guarded.tenant.policy("one-client-one-port", spec):
        traffic.check(planned, "with one-client-one-port", SETTLES)


@verifies("policy/survives-migration")
def test_the_policy_holds_after_either_end_moved(traffic, guarded, other):
    server, client = guarded.on_different_nodes()
    spec, allowed = one_client_one_port(server, client)
    planned = cells([*guarded, *other], [server], WAYS, allowed)
    assert_open_before(traffic, planned)
    with guarded.tenant.policy("one-client-one-port", spec):
        traffic.check(planned, "before a migration", SETTLES)
        for moving in (server, client):
            move = moving.migrate()
            assert move.target != move.source
            traffic.check(planned, f"after {moving} moved")
