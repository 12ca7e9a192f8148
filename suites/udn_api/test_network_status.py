"""What a network says of itself, and the attachment definition that it makes."""

import pytest

from conformance import verifies
from conformance.tenancy import Subnet


@verifies("udn-api/ready-condition")
@pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "ephemeral"])
def test_a_valid_network_becomes_ready_with_the_attachment_asked_for(tenants, persistent):
    tenant = tenants.empty("ready")
    network = tenant.request_network(persistent=persistent, mtu=1342)
    network.wait_ready()
    attachment = network.attachment()

    assert attachment.owner_uid == network.uid, f"{attachment} is not owned by {network}"
    config = attachment.config
    asked = {"topology": "layer2", "role": "primary", "subnets": str(network.subnet), "mtu": 1342}
    asked |= {"allowPersistentIPs": persistent}
    for key, value in asked.items():
        # Left out is as good as false.
        said = config.get(key, False)
        assert said == value, f"{attachment}: {key} is {said}, asked for was {value}"


@verifies("udn-api/one-primary-per-namespace")
def test_a_second_primary_network_is_refused_and_the_first_goes_on(tenants):
    tenant = tenants.primary_layer2("single")
    left, right = (tenant.pod(name, apart_from="ends") for name in ("left", "right"))
    left.wait_running()
    right.wait_running()
    left.must_reach(right)

    second = tenant.request_network("second", subnet=tenants.new_subnet())
    refusal = second.refusal()

    assert "primary network already exist" in refusal, f"the reason does not name the first network: {refusal}"
    assert tenant.network.is_ready(), "the first network lost its readiness"
    left.must_reach(right)
    latecomer = tenant.pod("latecomer")
    latecomer.wait_running()
    assert latecomer.primary_network.address in tenant.subnet
    latecomer.must_reach(left)


@verifies("udn-api/layer3-ipv6-host-subnet-64")
def test_host_subnets_of_ipv6_have_64_bits(tenants):
    fit = tenants.empty("ipv6").request_layer3(subnet=Subnet("fd00:10:200::/56"), host_subnet=64)
    unfit = tenants.empty("ipv6-80").request_layer3(subnet=Subnet("fd00:10:201::/56"), host_subnet=80)

    fit.wait_ready()
    assert not unfit.is_accepted(), f"{unfit} is accepted with IPv6 host subnets of /80"
    assert "/64" in unfit.message(), f"{unfit} is refused, but not for its host subnets: {unfit.message()}"
