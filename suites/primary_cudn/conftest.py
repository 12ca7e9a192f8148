"""The scenario of this profile: one network over two namespaces, others beside it, and all of them ready to talk."""

import pytest

from conformance.side_by_side import side_by_side
from conformance.tenancy import Group
from conformance.traffic import matrix


@pytest.fixture(scope="package")
def realm(tenants):
    """Two namespaces that share a network."""
    return tenants.sharing("east", "west")


@pytest.fixture(scope="package")
def shared(realm):
    """A VM in each of them."""
    return Group(realm[0], [tenant.machine("vm") for tenant in realm])


@pytest.fixture(scope="package")
def unselected(tenants):
    """A VM and a pod on different nodes, on a network of their own; the shared one does not select their namespace."""
    tenant = tenants.primary_layer2("unselected")
    return [tenant.machine("vm", apart_from="ends"), tenant.pod("pod", apart_from="ends")]


@pytest.fixture(scope="package")
def far(tenants):
    """Pods on different nodes, on another cluster network."""
    (tenant,) = tenants.sharing("far")
    return tenant.pods_apart("one", "two")


@pytest.fixture(scope="package")
def stage(shared, unselected, far):
    """All of them, created together, awaited together, and listening."""
    machine, pod = unselected
    side_by_side([*(one.wait_ready for one in (*shared, machine)), *(one.wait_running for one in (pod, *far))])
    with matrix([*shared, *unselected, *far]) as made:
        yield made
