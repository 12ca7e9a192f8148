"""Claims: one a VM, held as long as the VM exists, and no longer."""

import pytest

from conformance import verifies
from conformance.machines.claim import wait_released

pytestmark = pytest.mark.xdist_group("persistence-lifecycle")


@verifies("udn-api/claim-per-vm")
def test_each_vm_has_a_claim_of_its_own(subject):
    claims = {machine: machine.claim() for machine in subject}

    for machine, claim in claims.items():
        assert claim.network == subject.tenant.network.attachment().config["name"], (
            f"{machine}: claim is for {claim.network}"
        )
        assert claim.addresses == (machine.address,), f"{machine}: claim {claim} does not hold {machine.address}"
        assert claim.owner == machine.uid, f"{machine}: claim {claim} is owned by another"
    assert len({claim.name for claim in claims.values()}) == len(claims)


@verifies("persistence/delete-releases-address", "udn-api/claim-per-vm")
def test_deleting_the_vm_releases_its_address(tenants):
    # The subnet is so small that it is full: who comes next gets the VM's address or none.
    tenant = tenants.primary_layer2("small", prefix_length=29)
    machine = tenant.machine("holder")
    machine.wait_running()
    held, claim = machine.address, machine.claim()
    latecomer = tenant.fill_with_pods()

    reason = latecomer.wait_for_event("ErrorAllocatingPod")
    assert "exhausted" in reason, f"{latecomer} waits, but not for an address: {reason}"
    assert latecomer.phase == "Pending"

    machine.delete()
    wait_released(tenants.api, claim)
    latecomer.wait_running()
    assert latecomer.primary_network.address == held, f"{latecomer} got {latecomer.primary_network.address}, not {held}"
