"""A VM behind its pod's address: what it is given, by what it is seen, and what reaches it."""

import pytest

from conformance import verifies
from conformance.traffic import EVERY_WAY, Destination, assert_matrix, cells, source_seen_by, tcp, udp
from fixtures.plain import DECLARED

pytestmark = pytest.mark.xdist_group("default-network")

INSIDE, GATEWAY = "10.0.2.2", "10.0.2.1"
RESERVED = (49152, 49153)


def asked_by_itself(machine, ways):
    """The machine answers on these ways, asked over its own loopback: what others do not get is there to be had."""
    itself = Destination(f"{machine} itself", "127.0.0.1", (machine,), node=machine.node)
    return cells([machine], [itself], ways, allowed=True)


@verifies("default-network/masquerade")
def test_the_guest_hides_behind_its_pods_address(plain):
    machine = plain.open
    nic, outer = machine.guest.nic(), machine.pod.pod_ip

    assert nic.addresses == [INSIDE], f"{machine}: the guest has {nic.addresses}, expected {INSIDE}"
    assert machine.guest.gateways() == (GATEWAY,), f"{machine}: default routes by {machine.guest.gateways()}"
    assert machine.address == outer, f"{machine}: the VMI reports {machine.address}, its pod has {outer}"
    for pod in plain.pods:
        seen = source_seen_by(pod, machine)
        assert seen == outer, f"{pod} on {pod.node} sees {machine} on {machine.node} as {seen}, its pod has {outer}"
    assert_matrix(
        [
            *cells([machine], plain.pods, EVERY_WAY, allowed=True),
            *cells(plain.pods, [machine], EVERY_WAY, allowed=True),
        ],
        "a VM behind its pod's address",
    )


@verifies("default-network/declared-ports-only")
def test_only_declared_ports_accept_and_without_any_all_do(plain):
    machine, undeclared = plain.declaring, (tcp(DECLARED + 1), udp(DECLARED), udp(DECLARED + 1))
    assert_matrix(
        [
            *cells(plain.pods, [machine], [tcp(DECLARED)], allowed=True),
            *asked_by_itself(machine, undeclared),
            *cells(plain.pods, [plain.open], [tcp(DECLARED), *undeclared], allowed=True),
            *cells(plain.pods, [machine], undeclared, allowed=False),
        ],
        f"{machine} declares tcp/{DECLARED}, {plain.open} no port",
    )


@verifies("default-network/reserved-ports")
def test_reserved_ports_do_not_reach_the_guest(plain):
    machine = plain.open
    reserved = [way(port) for port in RESERVED for way in (tcp, udp)]
    beside = [way(port) for port in (RESERVED[0] - 1, RESERVED[-1] + 1) for way in (tcp, udp)]
    assert_matrix(
        [
            *cells(plain.pods, [machine], beside, allowed=True),
            *asked_by_itself(machine, reserved),
            *cells(plain.pods, [machine], reserved, allowed=False),
        ],
        "reserved ports and their neighbours",
    )
