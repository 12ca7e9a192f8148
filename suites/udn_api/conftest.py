"""What the tests of the API rules start from."""

import pytest

from conformance.tenancy import Draft


@pytest.fixture(scope="module")
def draft(tenants):
    """Networks that are only tried, never stored, in a labelled namespace."""
    return Draft(tenants.empty("drafts"))


@pytest.fixture(scope="module", params=["UserDefinedNetwork", "ClusterUserDefinedNetwork"])
def fixed_network(tenants, request):
    """A ready primary Layer2 network of either scope."""
    return tenants.primary_layer2("fixed", mtu=1400, kind=request.param).network
