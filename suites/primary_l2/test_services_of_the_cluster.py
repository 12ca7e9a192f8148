"""What a VM reaches beyond its network: the API, DNS, the world."""

import pytest

from conformance import verifies
from conformance.kube.manifests import GROUP_LABEL
from conformance.traffic import assert_resolves, assert_vouched_for

pytestmark = pytest.mark.xdist_group("primary-l2")


@verifies("primary-l2/kapi-and-dns-reachable")
def test_the_api_and_dns_answer(red, cluster):
    authority = cluster.authority(red.tenant.namespace)
    for machine in red.one_on_each_node():
        assert_vouched_for(machine, cluster.api_address, 443, authority, "the Kubernetes API")
        assert_resolves(machine, "kubernetes.default.svc.cluster.local", [cluster.api_address])


@verifies("primary-l2/dns-services-and-external")
def test_names_of_services_and_external_names_resolve(red, run, outside):
    machine = red.any()
    service = red.tenant.service("named", {GROUP_LABEL: "pair"})
    assert_resolves(machine, service.dns_name, [service.address])
    assert_resolves(machine, run.outside_name, [outside])


@verifies("primary-l2/egress")
def test_the_vm_reaches_an_address_outside_the_cluster(red, outside):
    for machine in red.one_on_each_node():
        machine.guest.must_reach_address(outside)
