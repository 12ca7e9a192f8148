"""The scenarios of this profile: pods on Layer3 networks, and one VM that moves."""

import pytest

from conformance.kube.manifests import on_node
from conformance.side_by_side import side_by_side


@pytest.fixture(scope="package")
def home(tenants):
    """A namespace with a Layer3 network."""
    return tenants.primary_layer3("left")


@pytest.fixture(scope="package")
def residents(home):
    """Two pods on each of two nodes: one on each, then one beside each."""
    first = ready(home.pods_apart("one", "two"))
    return ready([*first, *(home.pod(f"beside-{pod.name}", **on_node(pod.node)) for pod in first)])


@pytest.fixture(scope="package")
def neighbours(tenants):
    """A pod on each of two nodes, on another Layer3 network."""
    return ready(tenants.primary_layer3("right").pods_apart("one", "two"))


@pytest.fixture(scope="package")
def united(tenants):
    """Pods of two namespaces that share a Layer3 network, on different nodes in each of them."""
    members = tenants.sharing("north", "south", topology="Layer3")
    return ready([pod for member in members for pod in member.pods_apart("one", "two")])


@pytest.fixture
def mover(home):
    """A VM; nothing but its VMI tells it an address, for Layer3 networks have no DHCP for VMs."""
    machine = home.machine("mover")
    machine.wait_running()
    machine.wait_address()
    return machine


def ready(pods):
    """The pods, once all of them run."""
    side_by_side([pod.wait_running for pod in pods])
    return pods
