"""SSH as people beyond the cluster use it: through a service."""

import pytest

from conformance import verifies
from conformance.traffic.over_ssh import guest_over_ssh
from fixtures.plain import SSH

pytestmark = pytest.mark.xdist_group("services")


@verifies("services/ssh-through-service")
def test_ssh_reaches_the_vm_through_a_service_of_its_port(served, login, cluster, outside_host):
    machine = served.any()
    for node, address in cluster.node_addresses.items():
        place = login.at_node(node, address, machine, target=SSH)
        guest = guest_over_ssh(outside_host, machine, place)
        addresses = guest.nic().addresses
        assert addresses == [machine.address], f"{place}: the guest there has {addresses}, {machine} {machine.address}"
