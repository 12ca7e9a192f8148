"""The scenario of this profile: two VMs behind services, and pods of their network and of others beside them."""

from types import SimpleNamespace

import pytest

from conformance.kube.manifests import GROUP_LABEL, MACHINE_LABEL, service_port
from conformance.side_by_side import side_by_side
from conformance.tenancy.tenant import PORTS
from fixtures.plain import SSH

STREAM_PORT, STREAM_TARGET = 8201, 5201


@pytest.fixture(scope="package")
def served(tenants):
    """Two VMs on different nodes, created, not awaited."""
    return tenants.primary_layer2("served").pair()


@pytest.fixture(scope="package")
def pods(served, tenants):
    """A pod of the VMs' network; of another network, and of the default one, pods on different nodes; not awaited."""
    other, default = tenants.primary_layer2("other"), tenants.without_label("default")
    return SimpleNamespace(
        near=served.tenant.pod("near"),
        other=group(other, "other"),
        default=group(default, "default"),
        tenants=SimpleNamespace(other=other, default=default),
    )


def group(tenant, name):
    """Two pods on different nodes, which services select by the name of their group."""
    return [tenant.pod(f"{name}-{each}", apart_from=name) for each in ("a", "b")]


@pytest.fixture(scope="package", autouse=True)
def _all_ready(request):
    """What the chosen tests need of the scenario: created together, awaited together."""
    needed = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    machines = request.getfixturevalue("served") if "served" in needed else ()
    pods = request.getfixturevalue("pods") if "pods" in needed else None
    beside = (pods.near, *pods.other, *pods.default) if pods else ()
    side_by_side([*(machine.wait_ready for machine in machines), *(pod.wait_running for pod in beside)])


@pytest.fixture(scope="package")
def everyone(served):
    """A service with both VMs behind it."""
    return served.tenant.service("everyone", {GROUP_LABEL: "pair"})


@pytest.fixture(scope="package")
def one(served):
    """A service with the first VM alone behind it, by node ports too."""
    ports = (*PORTS, service_port(STREAM_PORT, STREAM_TARGET))
    return served.tenant.service("one", {MACHINE_LABEL: served.any().name}, ports, type="NodePort")


@pytest.fixture(scope="package")
def balanced(served):
    """A service of type LoadBalancer with the first VM alone behind it."""
    selector = {MACHINE_LABEL: served.any().name}
    return served.tenant.service("balanced", selector, type="LoadBalancer", externalTrafficPolicy="Cluster")


@pytest.fixture(scope="package")
def bare(tenants):
    """A namespace of the default network with nothing in it."""
    return tenants.without_label("bare")


@pytest.fixture(scope="package")
def login(served):
    """A service that exposes the SSH server of the first VM."""
    name = served.any().name
    return served.tenant.service("login", {MACHINE_LABEL: name}, (service_port(SSH, SSH),), type="NodePort")
