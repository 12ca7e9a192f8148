"""What DNS and headless services tell of workloads on a primary network: addresses of the default network."""

from types import SimpleNamespace

import pytest

from conformance import verifies
from conformance.kube.manifests import MACHINE_LABEL, service_port
from conformance.side_by_side import side_by_side
from conformance.traffic import Destination, assert_matrix, assert_resolves, cells, published, reach, tcp
from conformance.traffic.probe import PORT
from conformance.verdicts import Lifted

pytestmark = pytest.mark.xdist_group("limits-names")

HEADLESS = {"clusterIP": "None"}
PORTS = (service_port(PORT, PORT),)
NAMED = {"app": "named"}


@pytest.fixture(scope="module")
def walled(tenants):
    """A VM and pods of a primary network behind headless services; ready."""
    tenant = tenants.primary_layer2("walled")
    machine, named = tenant.machine("vm"), tenant.pod("named", labels=NAMED, hostname="named", subdomain="pods")
    side_by_side([machine.wait_ready, named.wait_running])
    return SimpleNamespace(
        machine=machine,
        pod=named,
        machines=tenant.service("machines", {MACHINE_LABEL: machine.name}, PORTS, **HEADLESS),
        pods=tenant.service("pods", NAMED, PORTS, **HEADLESS),
    )


@pytest.fixture(scope="module")
def open_(tenants):
    """A server and a client of the default network, the server behind a headless service; ready."""
    tenant = tenants.without_label("open")
    server, client = tenant.pod("server", labels=NAMED, hostname="server", subdomain="pods"), tenant.pod("client")
    side_by_side([server.wait_running, client.wait_running])
    return SimpleNamespace(server=server, client=client, pods=tenant.service("pods", NAMED, PORTS, **HEADLESS))


@verifies("limits/headless-service")
def test_a_headless_service_does_not_lead_to_the_vm(walled, open_):
    client, machine = walled.pod, walled.machine
    assert_resolves(open_.client, open_.pods.dns_name, [open_.server.pod_ip])
    assert_matrix(cells([open_.client], [open_.server], [tcp()], True), "a headless service of the default network")
    assert_matrix(cells([client], [machine], [tcp()], True), "the VM at its own address")

    found = published(client, walled.machines.dns_name)
    for address in found:
        if reach(client, machine, "tcp", through=Destination(str(walled.machines), address, (machine,), PORT)):
            raise Lifted(f"{walled.machines} gives {address}, at which {client} reaches {machine}")
    assert machine.address not in found, f"{walled.machines} publishes {machine.address}, and nobody answers there"


@verifies("limits/pod-dns-is-default-network")
def test_the_name_of_a_pod_gives_its_address_on_the_default_network(walled, open_):
    pod, machine = walled.pod, walled.machine
    assert_resolves(open_.client, f"server.{open_.pods.dns_name}", [open_.server.pod_ip])

    name, own = f"named.{walled.pods.dns_name}", pod.address
    assert own != pod.pod_ip, f"{pod} has {own} on both networks: nothing could be told apart"
    for client in (machine, pod, open_.client):
        found = published(client, name)
        if own in found:
            raise Lifted(f"dns {client}: {name} is {own}, the address of {pod} on its primary network")
        assert found == [pod.pod_ip], f"dns {client}: {name} is {found}, expected {pod.pod_ip}"
