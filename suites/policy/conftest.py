"""The scenario of this profile: one cluster network over two namespaces."""

import pytest

from conformance.side_by_side import side_by_side
from conformance.tenancy import all_ready


@pytest.fixture(scope="package")
def _neighbours(tenants):
    """Two VMs on different nodes in the namespace with policies, one VM in the other namespace."""
    guarded, other = tenants.sharing("guarded", "other")
    groups = guarded.pair(), other.group("vm-c")
    all_ready(*groups)
    return groups


@pytest.fixture(scope="package")
def stranger(tenants):
    """Pods on different nodes, on a network of their own."""
    pods = tenants.primary_layer2("stranger").pods_apart("pod-a", "pod-b")
    side_by_side([pod.wait_running for pod in pods])
    return pods


@pytest.fixture(scope="package")
def guarded(_neighbours):
    """The VMs whose namespace gets the policies."""
    return _neighbours[0]


@pytest.fixture(scope="package")
def other(_neighbours):
    """The VM of the other namespace on the same network."""
    return _neighbours[1]
