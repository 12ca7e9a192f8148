"""Services as clients beyond the cluster find them."""

import pytest

from conformance import verifies
from conformance.traffic import assert_reaches
from conformance.traffic.probe import PORT

pytestmark = pytest.mark.xdist_group("services")


@verifies("services/node-port")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_node_port_reaches_the_vm_on_every_node(served, one, cluster, outside_host, protocol):
    server = served.any()
    for node, address in cluster.node_addresses.items():
        place = one.at_node(node, address, server, target=PORT, protocol=protocol.upper())
        assert_reaches(outside_host, server, protocol, through=place)


@verifies("services/load-balancer")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_load_balancer_reaches_the_vm_from_outside(served, balanced, outside_host, protocol):
    server = served.any()
    place = balanced.beyond(server, target=PORT, protocol=protocol.upper())
    assert_reaches(outside_host, server, protocol, through=place)
