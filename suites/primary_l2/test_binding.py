"""How the VM's NIC is bound to the network."""

import pytest

from conformance import verifies
from conformance.traffic import assert_reaches

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


@verifies("primary-l2/binding-passt")
def test_passt_attaches_the_vm_and_probes_judge_it(red, passt):
    passt.wait_booted()
    attachment = passt.pod.primary_network
    assert attachment.name == red.tenant.network.name, f"{passt}: its pod is on {attachment.name}"
    assert passt.address == attachment.address, f"{passt}: VMI says {passt.address}, its pod {attachment.address}"
    for client, server in ((red.any(), passt), (passt, red.any())):
        for protocol in ("tcp", "udp"):
            assert_reaches(client, server, protocol)
    # Its probes ask its SSH server: where they do not reach the guest, it never becomes ready.
    passt.wait_running()
    assert not passt.pod.fails_again("Liveness"), f"{passt}: its liveness probe fails though its guest answers"
