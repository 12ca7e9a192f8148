"""The scenarios of this profile: tests that do not disturb them share them."""

import pytest

from conformance.kube.machine_manifests import Nic, asking
from conformance.side_by_side import side_by_side
from conformance.tenancy import all_ready
from fixtures.plain import SSH


@pytest.fixture(scope="package")
def red(tenants):
    """Three VMs on one network: two of them on one node, the third on another."""
    return tenants.primary_layer2("red").trio()


@pytest.fixture(scope="package")
def twins(tenants):
    """Two tenants with the same subnet, two VMs each on different nodes."""
    subnet = tenants.new_subnet()
    first = tenants.primary_layer2("twin-one", subnet=subnet)
    second = tenants.primary_layer2("twin-two", subnet=subnet)
    return tenants.pairs(first, second)


@pytest.fixture(scope="package")
def beside(red):
    """Pods of the red namespace, on different nodes."""
    return running(red.tenant.pods_apart("pod-a", "pod-b"))


@pytest.fixture(scope="package")
def strangers(tenants):
    """Pods of a namespace without a network of its own, on different nodes."""
    return running(tenants.without_label("plain").pods_apart("plain-a", "plain-b"))


def running(pods):
    """The pods, once all of them run."""
    side_by_side([pod.wait_running for pod in pods])
    return pods


@pytest.fixture(scope="package")
def passt(red, cluster):
    """A VM on the red network by passt, its probes asking its SSH server; not awaited."""
    plugin = "passt" in cluster.binding_plugins
    return red.tenant.machine("vm-passt", nic=Nic(binding="passt", plugin=plugin), probes=asking(SSH))


@pytest.fixture(scope="package", autouse=True)
def _all_ready(request):
    """The scenarios that the chosen tests need: created together, awaited together."""
    needed = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    groups = [request.getfixturevalue("red")] if "red" in needed else []
    groups += request.getfixturevalue("twins") if "twins" in needed else []
    all_ready(*groups)
