"""What outlives a reboot, a restart, a stop."""

import pytest

from conformance import verifies
from conformance.traffic import assert_reaches

pytestmark = pytest.mark.xdist_group("persistence-lifecycle")


@verifies("persistence/guest-reboot-keeps-address")
def test_reboot_from_inside_keeps_the_address(subject):
    machine, peer = subject
    before, boot = machine.identity(), machine.guest.boot_id()

    machine.guest.reboot()

    assert machine.guest.boot_id() != boot
    assert machine.identity() == before, f"{machine}: was {before}, is {machine.identity()}"
    assert_reaches(peer, machine, "icmp")


@pytest.fixture(scope="module")
def restarted(subject):
    """Identities before and after ``virtctl restart``."""
    machine, _ = subject
    before = machine.identity()
    machine.restart()
    machine.wait_ready()
    return before, machine.identity()


@verifies("persistence/restart-keeps-address")
def test_restart_keeps_the_address(subject, restarted):
    machine, peer = subject
    before, after = restarted
    assert after == before, f"{machine}: was {before}, is {after}"
    assert_reaches(peer, machine, "icmp")


@verifies("persistence/mac-kept-over-restart")
def test_restart_keeps_the_mac(subject, restarted):
    machine, peer = subject
    before, after = restarted
    assert after.mac == before.mac, f"{machine}: MAC was {before.mac}, is {after.mac}"
    mac = machine.guest.nic().mac
    assert mac == before.mac, f"{machine}: MAC was {before.mac}, in the guest it is {mac}"
    peer.guest.must_reach_address(machine.address)
    seen = peer.guest.neighbour(machine.address)
    assert seen == before.mac, f"{peer} -> {machine}: neighbour is {seen}, not {before.mac}"


@verifies("persistence/stop-start-keeps-address", "udn-api/claim-per-vm")
def test_stop_and_start_keep_the_address_from_a_newcomer(subject):
    machine, peer = subject
    before, claim = machine.identity(), machine.claim()

    machine.stop()
    assert machine.claim() == claim, f"{machine}: its claim was {claim}, while stopped it is {machine.claim()}"
    newcomer = subject.tenant.machine("newcomer")
    newcomer.wait_ready()
    assert newcomer.address not in before.addresses, f"{newcomer} was given the address of the stopped {machine}"
    machine.start()
    machine.wait_ready()

    assert machine.identity() == before, f"{machine}: was {before}, is {machine.identity()}"
    for other in (peer, newcomer):
        assert_reaches(other, machine, "icmp")
    newcomer.delete()
