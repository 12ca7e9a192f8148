"""What a Layer3 network does not do for VMs."""

from contextlib import nullcontext

import pytest

from conformance import verifies
from conformance.kube.errors import refusal_of
from conformance.kube.manifests import on_node
from conformance.tenancy import Subnet
from conformance.verdicts import Lifted

pytestmark = pytest.mark.xdist_group("primary-l3")


def speaking_as(machine, address, length):
    """The guest with an address that nothing told it, unless something did."""
    guest = machine.guest
    return nullcontext() if address in guest.nic().addresses else guest.also_having(address, length)


def observer_at(tenant, node):
    """A pod on that node: its address shows the node's segment."""
    pod = tenant.pod(f"at-{node.partition('.')[0]}", **on_node(node))
    pod.wait_running()
    return pod


def answers(client, machine, address):
    """Whether the machine itself is pinged by an address."""
    before = machine.guest.counters()["Icmp.InEchos"]
    return client.guest.ping(address).received > 0 and machine.guest.counters()["Icmp.InEchos"] > before


@verifies("primary-l3/address-changes-on-migration")
def test_a_vm_gets_another_address_on_another_node(home, mover):
    length, before = home.network.host_subnet, mover.address
    source = observer_at(home, mover.node)
    assert before in Subnet.around(source.address, length), f"{mover} has {before}, not of the segment of {source}"

    with speaking_as(mover, before, length):
        source.guest.must_reach_address(before)
        move = mover.migrate()
        target, after = observer_at(home, move.target), mover.address
        for observer in (source, target):
            if answers(observer, mover, before):
                raise Lifted(f"{mover} kept {before} on {move.target}: {observer} on {observer.node} reaches it")
    assert after != before, f"{mover} still reports {before} on {move.target}, but nobody reaches it there"
    assert after in Subnet.around(target.address, length), f"{mover} has {after}, not of the segment of {target}"

    with mover.guest.with_mac(mover.mac), speaking_as(mover, after, length):
        target.guest.must_reach_address(after)


@verifies("primary-l3/no-persistent-ips")
def test_a_layer3_network_has_no_persistent_addresses(tenants):
    tenant = tenants.empty("persistent")
    refused = refusal_of(lambda: tenant.request_layer3(ipam={"lifecycle": "Persistent"}))
    if refused is not None:
        assert "ipam" in refused.message, f"refused, but for another reason: {refused}"
        return
    # An API that does not know the field may also leave it out.
    network = tenant.network
    persistent = network.is_accepted() and network.attachment().config.get("allowPersistentIPs", False)
    if persistent or "ipam" in network.spec()["layer3"]:
        raise Lifted(f"{network} took persistent addresses on Layer3: {network.spec()}")
