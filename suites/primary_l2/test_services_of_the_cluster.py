"""What a VM reaches beyond its network: the API, DNS, the world."""

import pytest

from conformance import verifies
from conformance.evidence import note
from conformance.kube.manifests import GROUP_LABEL
from conformance.traffic import assert_reaches, assert_resolves, assert_vouched_for, reach

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/kapi-and-dns-reachable")
def test_the_api_and_dns_answer(red, cluster):
    authority = cluster.authority(red.tenant.namespace)
    for machine in red.one_on_each_node():
        assert_vouched_for(machine, cluster.api_address, 443, authority, "the Kubernetes API")
        assert_resolves(machine, "kubernetes.default.svc.cluster.local", [cluster.api_address])


@verifies("primary-l2/dns-services-and-external")
def test_names_of_services_and_external_names_resolve(red, run, outside):
    service = red.tenant.service("named", {GROUP_LABEL: "pair"})
    for machine in red.one_on_each_node():
        assert_resolves(machine, service.dns_name, [service.address])
        assert_resolves(machine, run.outside_name, [outside])


@pytest.fixture(scope="module")
def ways_out(request, run):
    """A host beyond the cluster with each of TCP and UDP by which a pod of the default network reaches it.

    Without ``--outside-shell`` the listener would be on the machine of whoever runs this, who did not ask for one.
    """
    if run.outside_shell is None:
        note("sessions out of the cluster were not tried: name a host that may listen with --outside-shell")
        return []
    host, client = request.getfixturevalue("outside_host"), request.getfixturevalue("strangers")[0]
    if not host.address:
        note(f"sessions out of the cluster were not tried: {host} does not tell its address; it needs `ip`")
        return []
    ways = []
    for protocol in ("tcp", "udp"):
        baseline = reach(client, host, protocol)
        if baseline:
            ways.append((host, protocol))
        else:
            note(f"{protocol} to {host} was not tried: nor does {client} reach it: {baseline.why}")
    return ways


@verifies("primary-l2/egress")
def test_the_vm_reaches_an_address_outside_the_cluster(red, outside, ways_out):
    for machine in red.one_on_each_node():
        machine.guest.must_reach_address(outside)
        for host, protocol in ways_out:
            assert_reaches(machine, host, protocol)
