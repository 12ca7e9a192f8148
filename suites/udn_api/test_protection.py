"""Networks that cannot be changed, nor taken from the workloads that use them."""

import pytest

from conformance import verifies
from conformance.kube.manifests import label_patch
from conformance.verdicts import Lifted

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

    network.patch(label_patch("udn-conformance/edited", field))
    refused = network.edit_layer2(EDITS[field])

    if network.spec() != before:
        raise Lifted(f"{network} accepted a new {field}")
    assert refused is not None, f"{network} took a new {field} without a word, and kept the old"
    assert "immutable" in refused.message, f"refused, but not as immutable: {refused}"


@verifies("udn-api/in-use-is-protected")
def test_a_network_in_use_is_not_taken_away(tenants):
    tenant = tenants.primary_layer2("used")
    left, right = (tenant.pod(name, apart_from="ends") for name in ("left", "right"))
    left.wait_running()
    right.wait_running()
    left.must_reach(right)

    tenant.network.delete()
    tenant.network.wait_refuses_deletion(naming=left)

    assert tenant.network.attachment().exists(), "the attachment definition went while pods use it"
    left.must_reach(right)
    left.delete()
    right.delete()
    tenant.network.wait_gone()
