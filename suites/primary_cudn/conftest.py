"""The scenario of this profile: one network over two namespaces, and others beside it."""

import pytest

from conformance.side_by_side import side_by_side
from conformance.tenancy import Group


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
    """A VM with a network of its own, in a namespace that the shared network does not select, and a pod beside it."""
    tenant = tenants.primary_layer2("unselected")
    return [tenant.machine("vm"), tenant.pod("pod")]


@pytest.fixture(scope="package")
def far(tenants):
    """Pods on different nodes, on another cluster network."""
    (tenant,) = tenants.sharing("far")
    return tenant.pods_apart("one", "two")


@pytest.fixture(scope="package", autouse=True)
def _all_ready(request):
    """The scenarios that the chosen tests need: created together, awaited together."""
    needed = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    waits = [machine.wait_ready for machine in request.getfixturevalue("shared")]
    if "unselected" in needed:
        machine, pod = request.getfixturevalue("unselected")
        waits += [machine.wait_ready, pod.wait_running]
    if "far" in needed:
        waits += [pod.wait_running for pod in request.getfixturevalue("far")]
    side_by_side(waits)
