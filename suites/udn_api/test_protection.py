"""Networks that cannot be changed, nor taken from the workloads that use them."""

from conformance import Lifted, verifies
from conformance.kube import Refused, patches

import pytest

EDITS = {
    "mtu": {"mtu": 1300},
    "subnets": {"subnets": ["10.99.0.0/24"]},
    "role": {"role": "Secondary"},
    "ipam": {"ipam": {"lifecycle": None}},
}


@verifies("udn-api/immutable")
@pytest.mark.parametrize("field", EDITS)
def test_a_network_cannot_be_modified(fixed_network, field):
    network = fixed_network
    before = network.spec()

    network.patch(patches.label("udn-conformance/edited", field))
    try:
        network.patch(network.layer2_patch(EDITS[field]))
    except Refused as refused:
        assert "immutable" in refused.message, f"refused, but not as immutable: {refused}"
    if network.spec() != before:
        raise Lifted(f"{network} accepted a new {field}")


@verifies("udn-api/in-use-is-protected")
def test_a_network_in_use_is_not_taken_away(tenants):
    tenant = tenants.primary_layer2("used")
    left, right = tenant.pod("left"), tenant.pod("right", apart_from="left")
    left.wait_running()
    right.wait_running()
    left.must_reach(right)

    tenant.network.delete(wait=False)
    tenant.network.wait_refuses_deletion(naming=left)

    assert tenant.network.attachment().exists(), "the attachment definition went while pods use it"
    left.must_reach(right)
    left.delete()
    right.delete()
    tenant.network.wait_gone()
