"""What health checks know of a primary network: nothing, for they come over the cluster network."""

import pytest

from conformance import verifies
from conformance.kube.describe import condition, is_true
from conformance.machines import host_keys
from conformance.traffic import assert_reaches
from conformance.traffic.listener import listening
from conformance.verdicts import Blocked, Lifted

# With the tests of the cluster network: they share its VMs.
pytestmark = pytest.mark.xdist_group("default-network")

PORT = 5000


@verifies("limits/probes")
def test_probes_cannot_judge_a_vm_with_l2bridge(plain, caged):
    judged, machine = plain.open, caged.probed
    assert is_true(judged.vmi(), "Ready"), (
        f"{judged} on the cluster network is not ready by the same probes: {condition(judged.vmi(), 'Ready')}"
    )
    # What the probes ask for is there, for whoever is on the network.
    host_keys.learn(machine.guest)
    assert_reaches(caged.machine, machine, "tcp")

    pod = machine.pod
    told = pod.fails_again("Liveness")
    if is_true(machine.vmi(), "Ready"):
        raise Lifted(
            f"the readiness probe of {machine} on a primary network ({machine.address}) judges it: it is ready"
        )
    if not told:
        raise Blocked(f"pod {pod}: the kubelet tells no failure of the liveness probe; it may have told of too many")


@verifies("limits/kubelet-checks-use-default-network")
def test_a_pod_stays_healthy_when_its_primary_network_is_broken(caged):
    server, client = (caged.tenant.pod_in_charge_of_its_nics(name, PORT) for name in ("pod-server", "pod-client"))
    server.wait_running()
    client.wait_running()
    with listening(server.guest, "tcp", PORT, server.address):
        server.wait_readiness(True)
        client.must_reach(server)
        nic = server.default_interface
        server.guest.must(f"ip link set {nic} down")
        broken = client.guest.ping(server.address, count=2)
        assert not broken.received, (
            f"{client} still reaches {server} at {server.address}, whose {nic} is down: {broken}"
        )
        server.stays_ready()
    # The probe does judge: only not by the primary network.
    server.wait_readiness(False)
