"""Long packets on the cluster network."""

import pytest

from conformance import verifies

pytestmark = pytest.mark.xdist_group("default-network")


@verifies("default-network/jumbo")
def test_packets_of_the_clusters_mtu_pass_unfragmented(plain):
    client, server = plain.declaring, plain.open
    if client.node == server.node:
        server.migrate()
    pod = plain.pods[0]
    mtu = pod.guest.nic(pod.default_interface).mtu
    for machine in (client, server):
        own = machine.guest.nic().mtu
        assert own == mtu, f"{machine}: the guest has MTU {own}, pods of the cluster network have {mtu}"

    largest = client.guest.ping(server.address, packet=mtu, fragment=False)
    assert largest.received == largest.sent, (
        f"{client} ({client.node}) -> {server} ({server.node}): packets of {mtu} bytes are lost: {largest}"
    )
    larger = client.guest.ping(server.address, packet=mtu + 1, fragment=False)
    assert larger.received == 0, f"{client} -> {server}: packets of {mtu + 1} bytes pass unfragmented: {larger}"
