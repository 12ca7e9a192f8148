"""What leads to a VM on the cluster network, and ends before one on a primary network."""

import pytest

from conformance import verifies
from conformance.traffic import assert_reaches
from conformance.traffic.forwarded import POD, VIRTCTL
from conformance.traffic.over_ssh import reach_by_virtctl_ssh
from conformance.verdicts import Lifted

# With the tests of the cluster network: they share its VMs.
pytestmark = pytest.mark.xdist_group("default-network")


def is_not_reached(machine, how, result):
    """The documented limitation holds; ``Lifted`` when the machine answers."""
    if result:
        raise Lifted(f"{how} reaches {machine} on a primary network at {machine.address}: {result.how}")
    assert not result.arrived, f"{how} to {machine} ({machine.address}, {machine.node}): half-way: {result.why}"


@verifies("limits/virtctl-ssh")
def test_virtctl_ssh_does_not_reach_a_vm_on_a_primary_network(plain, caged):
    baseline = reach_by_virtctl_ssh(plain.open)
    assert baseline, (
        f"virtctl ssh does not reach {plain.open} ({plain.open.address}) on the cluster network: {baseline}"
    )

    machine = caged.machine
    assert_reaches(caged.probed, machine, "tcp")
    is_not_reached(machine, "virtctl ssh", reach_by_virtctl_ssh(machine))


@verifies("limits/port-forward")
@pytest.mark.parametrize("forward", [VIRTCTL, POD], ids=["virtctl", "kubectl"])
def test_no_forwarded_port_reaches_a_vm_on_a_primary_network(plain, caged, forward):
    baseline = forward.reach(plain.open)
    assert baseline, f"{forward} does not reach {plain.open} ({plain.open.address}) on the cluster network: {baseline}"

    machine = caged.machine
    assert_reaches(caged.probed, machine, "tcp")
    is_not_reached(machine, str(forward), forward.try_in_vain(machine))
