"""What DNS and headless services tell of workloads on a primary network: addresses of the default network."""

import pytest

from conformance import verifies
from conformance.kube.manifests import MACHINE_LABEL, service_port
from conformance.side_by_side import side_by_side
from conformance.traffic import Destination, assert_reaches, assert_resolves, cells, matrix, published, tcp
from conformance.traffic.probe import PORT
from conformance.verdicts import Lifted

# With the tests of the cluster network: they share its VMs.
pytestmark = pytest.mark.xdist_group("default-network")

NAMED = {"app": "named"}
WAY = tcp(PORT)


def headless(tenant, name, selector):
    """A headless service of what the selector selects."""
    return tenant.service(name, selector, [service_port(PORT, PORT)], clusterIP="None")


def places(client, service, machine):
    """Where a headless service says that the machine is."""
    return [Destination(str(service), address, (machine,), PORT) for address in published(client, service.dns_name)]


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
    for place in places(client, baseline, plain.open):
        assert_reaches(client, plain.open, "tcp", through=place)

    machine, client = caged.machine, caged.probed
    service = headless(caged.tenant, "machine", {MACHINE_LABEL: machine.name})
    given = places(client, service, machine)
    with matrix([client, machine], [WAY]) as traffic:
        traffic.check(cells([client], [machine], [WAY], True), "by the VM's own address")
        findings = traffic.look(cells([client], given, [WAY], False), f"by the addresses that {service} gives")
    if reached := [finding for finding in findings if not finding.as_expected]:
        at = reached[0].cell.server.address
        raise Lifted(f"{service} gives {at}, at which {client} reaches {machine}: {reached[0]}")


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
