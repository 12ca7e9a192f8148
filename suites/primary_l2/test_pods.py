"""VMs and pods: of their own network, and of the cluster's default network."""

import pytest

from conformance import verifies
from conformance.traffic import EVERY_WAY, Destination, assert_matrix, cells

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/vm-and-pod")
def test_vms_and_pods_of_one_network_reach_each_other(red, beside):
    machines = red.on_different_nodes()
    there, back = cells(machines, beside, EVERY_WAY, True), cells(beside, machines, EVERY_WAY, True)
    assert_matrix([*there, *back], "VMs and pods")


@verifies("primary-l2/isolated-from-default-network")
def test_vms_and_pods_of_the_default_network_cannot_reach_each_other(red, beside, strangers):
    ours = [*red.on_different_nodes(), *beside]
    # A pod of the network has an address on the default one as well: for the node's own probes, and nobody else.
    locked = [Destination(f"{pod} on the default network", pod.pod_ip, (pod,)) for pod in beside]
    within = [*cells(ours, ours, EVERY_WAY, True), *cells(strangers, strangers, EVERY_WAY, True)]
    between = [*cells(strangers, [*ours, *locked], EVERY_WAY, False), *cells(ours, strangers, EVERY_WAY, False)]
    assert_matrix([*within, *between], "a network and the default one")
