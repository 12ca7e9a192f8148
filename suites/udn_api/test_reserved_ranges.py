"""Which ranges a network may not take, and those that it takes when it is not told."""

import pytest

from conformance import verifies
from conformance.tenancy import Subnet

pytestmark = pytest.mark.xdist_group("udn-api-reserved-ranges")

DEFAULT_JOIN = {"100.65.0.0/16", "fd99::/64"}
RANGES = ("cluster subnet", "service subnet", "built-in join subnet", "masquerade subnet")


@pytest.fixture(scope="module")
def taken(tenants, cluster):
    """A part of each range that the cluster uses for itself; the last two as documented."""
    pod = tenants.without_label("ordinary").pod("ordinary")
    pod.wait_running()
    return {
        "cluster subnet": Subnet.around(pod.pod_ip, 24),
        "service subnet": Subnet.around(cluster.dns_address, 24),
        "built-in join subnet": Subnet("100.64.0.0/16"),
        "masquerade subnet": Subnet("169.254.0.0/17"),
    }


@pytest.fixture(scope="module")
def tenant(tenants):
    """A namespace in which no network comes about."""
    return tenants.empty("overlapping")


def is_refused(network, overlapped):
    """The network is not created, and says which range it overlaps."""
    assert not network.is_accepted(), f"{network} is accepted, though it overlaps the {overlapped}"
    message = network.message()
    assert "overlaps" in message, f"{network} is refused for another reason: {message}"
    assert overlapped in message, f"{network}: the reason does not name the {overlapped}: {message}"
    assert not network.attachment().exists(), f"{network} has {network.attachment()} all the same"


@verifies("udn-api/overlap-with-cluster-refused")
@pytest.mark.parametrize("overlapped", RANGES)
def test_subnets_of_the_cluster_are_refused(tenant, taken, overlapped):
    name = overlapped.replace(" ", "-")
    is_refused(tenant.request_network(f"{name}-2", subnet=taken[overlapped]), overlapped)
    is_refused(tenant.request_layer3(f"{name}-3", subnet=taken[overlapped], host_subnet=28), overlapped)


@verifies("udn-api/overlap-with-cluster-refused")
@pytest.mark.parametrize("overlapped", RANGES)
def test_join_subnets_of_the_cluster_are_refused(tenant, taken, overlapped):
    name = f"join-{overlapped.replace(' ', '-')}"
    is_refused(tenant.request_network(name, joinSubnets=[str(taken[overlapped])]), overlapped)


@verifies("udn-api/join-subnet-defaults", "udn-api/overlap-with-cluster-refused")
@pytest.mark.parametrize("request_one", ["request_network", "request_layer3"])
def test_join_subnets_are_those_asked_for_or_the_documented_ones(tenants, request_one):
    for asked, expected in (({}, DEFAULT_JOIN), ({"joinSubnets": ["100.70.0.0/16"]}, {"100.70.0.0/16"})):
        network = getattr(tenants.empty("joined"), request_one)(**asked)
        network.wait_ready()
        used = set(network.attachment().config.get("joinSubnet", "").split(","))
        assert used == expected, f"{network}, asked for {asked or 'nothing'}: join subnets are {used}, not {expected}"
