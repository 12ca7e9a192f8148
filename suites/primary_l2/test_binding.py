"""How the VM's NIC is bound to the network."""

import pytest

from conformance import verifies

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/default-binding-l2bridge")
def test_l2bridge_attaches_the_vm_to_the_network(red):
    machine = red.any()
    spec = machine.vmi()["spec"]
    nic = machine.vmi()["status"]["interfaces"][0]
    attachment = machine.pod.primary_network

    binding = spec["domain"]["devices"]["interfaces"][0].get("binding")
    assert binding == {"name": "l2bridge"}, f"{machine}: its interface has binding {binding}, not l2bridge"
    assert "pod" in spec["networks"][0], f"{machine}: its network is {spec['networks'][0]}, not the pod's"
    assert machine.pod.default_interface == nic["podInterfaceName"], (
        f"{machine} is attached to pod NIC {nic['podInterfaceName']}, the network is on {machine.pod.default_interface}"
    )
    assert attachment.name == red.tenant.network.name, f"{machine}: its pod is on {attachment.name}"
    assert machine.guest.nic().mac == attachment.mac, f"{machine}: the guest's NIC is not the network's"
    addresses = machine.guest.nic().addresses
    assert addresses == [attachment.address], f"{machine}: guest has {addresses}, its pod {attachment.address}"
