"""What a VM is given by its primary network, and how."""

import pytest

from conformance import verifies

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/address-from-subnet")
def test_everyone_agrees_on_an_address_of_the_subnet(red):
    for machine in red:
        attachment = machine.pod.primary_network
        nic = machine.guest.nic()

        assert machine.address in red.tenant.subnet, f"{machine}: {machine.address} is not in {red.tenant.subnet}"
        assert nic.addresses == [machine.address], f"{machine}: guest has {nic.addresses}, VMI says {machine.address}"
        assert attachment.address == machine.address, f"{machine}: pod says {attachment.address}"
        assert nic.mac == machine.mac == attachment.mac, (
            f"{machine}: guest {nic.mac}, VMI {machine.mac}, pod {attachment.mac}"
        )
    assert len({machine.address for machine in red}) == len(red), "two VMs have one address"
    assert len({machine.mac for machine in red}) == len(red), "two VMs have one MAC"


@verifies("primary-l2/address-by-dhcp")
def test_the_guest_is_configured_by_dhcp(red, cluster):
    network = red.tenant.network
    for machine in red.one_on_each_node():
        guest, attachment = machine.guest, machine.pod.primary_network
        lease, routers, mtu = guest.dhcp_lease(), guest.gateways(), guest.nic().mtu

        assert lease.address == machine.address, (
            f"{machine}: DHCP offers {lease.address}, its address is {machine.address}"
        )
        assert routers == attachment.gateways, f"{machine}: routers {routers}, expected {attachment.gateways}"
        assert cluster.dns_address in guest.dns_servers(), (
            f"{machine}: DNS {guest.dns_servers()}, not {cluster.dns_address}"
        )
        assert mtu == network.mtu, f"{machine}: MTU {mtu}, not {network.mtu}"
        guest.must_reach_address(attachment.gateways[0])


@verifies("primary-l2/replaces-pod-network")
def test_the_network_is_the_only_way_out(red, cluster):
    for machine in red:
        guest, attachment = machine.guest, machine.pod.primary_network
        nics = guest.nics()

        assert [nic.mac for nic in nics] == [attachment.mac], f"{machine} has NICs {nics}, expected only the network's"
        assert guest.gateways() == attachment.gateways, f"{machine}: default routes by {guest.gateways()}"
        strangers = [address for nic in nics for address in nic.addresses if address not in red.tenant.subnet]
        assert strangers == [], f"{machine} has addresses {strangers} beside its network's"
        assert machine.pod.default_network.address not in [address for nic in nics for address in nic.addresses]
