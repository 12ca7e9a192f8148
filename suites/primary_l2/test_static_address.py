"""Addresses and MACs that VMs ask for."""

import pytest

from conformance import verifies
from conformance.traffic import assert_reaches

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/static-address")
def test_a_vm_gets_what_it_asks_for_and_nobody_gets_it_too(red):
    tenant = red.tenant
    address, mac = tenant.subnet.address(100), "02:00:00:c0:ff:ee"
    machine = tenant.machine("static", addresses=[address], mac=mac)
    machine.wait_ready()

    is_now = machine.identity()
    assert is_now.addresses == is_now.guest_addresses == is_now.claimed == (address,), (
        f"{machine} asked for {address}, is {is_now}"
    )
    assert is_now.mac == is_now.guest_mac == mac, f"{machine} asked for {mac}, is {is_now}"
    assert_reaches(red.any(), machine, "icmp")

    same_address = tenant.machine("same-address", addresses=[address])
    same_mac = tenant.machine("same-mac", addresses=[tenant.subnet.address(101)], mac=mac)
    for duplicate, reason in ((same_address, "already allocated"), (same_mac, "MAC address already in use")):
        told = duplicate.refused_network()
        assert reason in told, f"{duplicate} is refused, but for another reason: {told}"
    assert_reaches(red.any(), machine, "icmp")
    for one in (same_address, same_mac, machine):
        one.delete()
