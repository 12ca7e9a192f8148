"""What DNS and headless services tell of workloads on a primary network: addresses of the default network."""

import pytest

from conformance import verifies
from conformance.kube.manifests import MACHINE_LABEL, service_port
from conformance.side_by_side import side_by_side
from conformance.traffic import Destination, assert_reaches, assert_resolves, published, reach
from conformance.traffic.probe import PORT
from conformance.verdicts import Lifted

# With the tests of the cluster network: they share its VMs.
pytestmark = pytest.mark.xdist_group("default-network")

NAMED = {"app": "named"}


def headless(tenant, name, selector):
    """A headless service of what the selector selects."""
    return tenant.service(name, selector, [service_port(PORT, PORT)], clusterIP="None")


def reached_by_name(client, service, machine):
    """The first address of a headless service at which the machine answers; None when it does not."""
    for address in published(client, service.dns_name):
        place = Destination(str(service), address, (machine,), PORT)
        if reach(client, machine, "tcp", through=place):
            return address
    return None


@pytest.fixture(scope="module")
def named(plain, caged):
    """A pod on the cluster network and one on the primary network, each with a name in DNS; ready."""
    pods = []
    for tenant in (plain.tenant, caged.tenant):
        headless(tenant, "pods", NAMED)
        pods.append(tenant.pod("named", labels=NAMED, hostname="named", subdomain="pods"))
    side_by_side([pod.wait_running for pod in pods])
    return pods


@verifies("limits/headless-service")
def test_a_headless_service_does_not_lead_to_a_vm_on_a_primary_network(plain, caged):
    client, baseline = plain.pods[0], headless(plain.tenant, "machine", {MACHINE_LABEL: plain.open.name})
    assert reached_by_name(client, baseline, plain.open), f"{client} does not reach {plain.open} by {baseline}"

    machine, client = caged.machine, caged.probed
    service = headless(caged.tenant, "machine", {MACHINE_LABEL: machine.name})
    assert_reaches(client, machine, "tcp")
    address = reached_by_name(client, service, machine)
    if address is not None:
        raise Lifted(f"{service} gives {address}, at which {client} reaches {machine}")


@verifies("limits/pod-dns-is-default-network")
def test_the_name_of_a_pod_gives_its_address_on_the_default_network(plain, caged, named):
    baseline, pod = named
    assert_resolves(plain.pods[0], f"named.pods.{baseline.namespace}.svc.cluster.local", [baseline.pod_ip])

    name, own = f"named.pods.{pod.namespace}.svc.cluster.local", pod.address
    assert own != pod.pod_ip, f"{pod} has {own} on both networks: nothing could be told apart"
    for client in (caged.machine, pod, plain.pods[0]):
        found = published(client, name)
        if own in found:
            raise Lifted(f"dns {client}: {name} is {own}, the address of {pod} on its primary network")
        assert found == [pod.pod_ip], f"dns {client}: {name} is {found}, expected {pod.pod_ip}"
