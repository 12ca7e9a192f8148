"""Networks as they are asked for: what follows from their names and subnets."""

from __future__ import annotations

import pytest

from lab.config import Conduct, Families, LabConfig
from lab.fabric import names
from lab.fabric.model import Layer2, Layer3, default_network, mac_of


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("10.10.0.1", "0a:58:0a:0a:00:01"),
        ("10.10.0.1/24", "0a:58:0a:0a:00:01"),
        ("fd00::1", "0a:58:cb:2a:2b:4d"),
    ],
)
def test_mac_follows_from_the_address(address, mac):
    assert mac_of(address) == mac


def test_gateway_is_the_first_address_unless_named():
    assert Layer2("n", ("10.1.0.0/16", "fd00:1::/64")).gateways() == ("10.1.0.1/16", "fd00:1::1/64")
    assert Layer2("n", ("10.1.0.0/16",), gateway_ips=("10.1.9.9",)).gateways() == ("10.1.9.9/16",)
    assert Layer2("n", ("fd00:1::/64", "10.1.0.0/16"), gateway_ips=("10.1.9.9",)).gateways() == (
        "fd00:1::1/64",
        "10.1.9.9/16",
    )


def test_layer3_cuts_by_node():
    network = Layer3("n", {"worker-1": "10.1.1.0/24,fd00:1::/64"})
    assert network.subnets("worker-1") == ("10.1.1.0/24", "fd00:1::/64")
    assert network.gateways("worker-1") == ("10.1.1.1/24", "fd00:1::1/64")
    assert network.management_ips("worker-1") == ("10.1.1.2/24", "fd00:1::2/64")


@pytest.mark.parametrize(
    ("families", "subnets"),
    [
        (Families.IPV4, ["10.244.0.0/24", "10.244.1.0/24"]),
        (Families.DUAL, ["10.244.0.0/24,fd00:10:244::/64", "10.244.1.0/24,fd00:10:244:1::/64"]),
    ],
)
def test_default_network_covers_every_node(families, subnets):
    config = LabConfig.new("blue", 1, conduct=Conduct(families=families))
    assert default_network(config).host_subnets == dict(zip(("control-plane", "worker-1"), subnets, strict=True))


def test_names_are_those_of_ovn_kubernetes():
    assert names.layer2_switch("my-ns_my-net") == "my.ns_my.net_ovn_layer2_switch"
    assert names.node_switch("cluster_udn_red", "worker-1") == "cluster_udn_red_worker-1"
    assert names.node_switch("default", "worker-1") == "worker-1"
    assert names.router("default") == "ovn_cluster_router"
