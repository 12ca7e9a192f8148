"""From a network's object to its attachment: shape, defaults and refusals as OVN-Kubernetes has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.controllers.networks.definition import attachment_of, system_namespace
from lab.controllers.networks.render import Rules, SyncError, attachment, cni_config

Object = dict[str, Any]


def udn(topology: str = "Layer2", **details: Any) -> Object:
    return {
        "kind": "UserDefinedNetwork",
        "metadata": {"name": "net", "namespace": "blue", "uid": "u1"},
        "spec": {"topology": topology, topology.lower(): {"role": "Primary", **details}},
    }


def cudn(topology: str = "Layer2", **details: Any) -> Object:
    network = {"topology": topology, topology.lower(): {"role": "Primary", **details}}
    return {
        "kind": "ClusterUserDefinedNetwork",
        "metadata": {"name": "net", "uid": "u2"},
        "spec": {"namespaceSelector": {}, "network": network},
    }


def test_attachment_of_a_network() -> None:
    nad = attachment(udn(subnets=["10.20.0.0/24"], ipam={"lifecycle": "Persistent"}), "blue")
    assert nad["metadata"] == {
        "name": "net",
        "namespace": "blue",
        "labels": {"k8s.ovn.org/user-defined-network": ""},
        "finalizers": ["k8s.ovn.org/user-defined-network-protection"],
        "ownerReferences": [
            {
                "apiVersion": "k8s.ovn.org/v1",
                "kind": "UserDefinedNetwork",
                "name": "net",
                "uid": "u1",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    assert json.loads(nad["spec"]["config"]) == {
        "cniVersion": "1.1.0",
        "type": "ovn-k8s-cni-overlay",
        "name": "blue_net",
        "netAttachDefName": "blue/net",
        "topology": "layer2",
        "role": "primary",
        "subnets": "10.20.0.0/24",
        "joinSubnet": "100.65.0.0/16,fd99::/64",
        "allowPersistentIPs": True,
    }


def test_attachment_of_a_cluster_network() -> None:
    config = cni_config(cudn(subnets=["10.20.0.0/24"], mtu=1300, joinSubnets=["100.70.0.0/16"]), "red")
    assert (config["name"], config["netAttachDefName"]) == ("cluster_udn_net", "red/net")
    assert (config["mtu"], config["joinSubnet"]) == (1300, "100.70.0.0/16")


def test_a_secondary_network_has_no_join_subnet() -> None:
    config = cni_config(udn(role="Secondary", ipam={"mode": "Disabled"}), "blue")
    assert config["role"] == "secondary"
    assert not config.keys() & {"joinSubnet", "subnets", "allowPersistentIPs"}


def test_layer3_subnets_carry_their_host_prefix() -> None:
    subnets = [{"cidr": "10.150.0.0/16", "hostSubnet": 25}]
    nad = attachment(udn("Layer3", subnets=subnets), "blue")
    found = attachment_of(nad)
    assert found is not None
    assert json.loads(nad["spec"]["config"])["subnets"] == "10.150.0.0/16/25"
    assert found.definition.host_subnets(["a", "b"]) == {"a": ("10.150.0.0/25",), "b": ("10.150.0.128/25",)}


def test_localnet_always_carries_its_mtu() -> None:
    network = cudn(
        "Localnet",
        role="Secondary",
        physicalNetworkName="tenant",
        subnets=["192.168.0.0/24"],
        excludeSubnets=["192.168.0.0/30"],
        vlan={"mode": "Access", "access": {"id": 20}},
    )
    config = cni_config(network, "blue")
    assert (config["mtu"], config["vlanID"], config["excludeSubnets"]) == (1500, 20, "192.168.0.0/30")
    assert config["physicalNetworkName"] == "tenant"


@pytest.mark.parametrize(
    ("subnet", "kind", "other"),
    [
        ("10.244.3.0/24", "cluster subnet", "10.244.0.0/16"),
        ("10.0.0.0/8", "cluster subnet", "10.244.0.0/16"),
        ("10.96.0.0/24", "service subnet", "10.96.0.0/16"),
        ("100.64.1.0/24", "built-in join subnet", "100.64.0.0/16"),
        ("169.254.0.0/24", "masquerade subnet", "169.254.0.0/17"),
        ("100.88.0.0/24", "transit switch subnet", "100.88.0.0/16"),
    ],
)
def test_an_overlap_with_the_cluster_is_refused_by_name(subnet: str, kind: str, other: str) -> None:
    begin = "failed to generate NetworkAttachmentDefinition: failed to render CNI network config: "
    overlap = (
        "pod or join subnet overlaps with already configured internal subnets: "
        f'user defined subnet "{subnet}" overlaps {kind} "{other}"'
    )
    with pytest.raises(SyncError) as primary:
        cni_config(udn(subnets=[subnet]), "blue")
    assert str(primary.value) == begin + overlap
    with pytest.raises(SyncError) as secondary:
        cni_config(udn(role="Secondary", subnets=[subnet]), "blue")
    assert str(secondary.value) == f"{begin}invalid subnet configuration: {overlap}"


def test_a_join_subnet_that_overlaps_is_refused() -> None:
    with pytest.raises(SyncError, match=r'"100\.64\.0\.0/16" overlaps built-in join subnet "100\.64\.0\.0/16"'):
        cni_config(udn(subnets=["10.20.0.0/24"], joinSubnets=["100.64.0.0/16"]), "blue")


def test_localnet_may_overlap() -> None:
    network = cudn("Localnet", role="Secondary", physicalNetworkName="tenant", subnets=["10.244.0.0/16"])
    assert cni_config(network, "blue")["subnets"] == "10.244.0.0/16"


def test_excluded_subnets_lie_within_the_subnets() -> None:
    network = cudn(
        "Localnet",
        role="Secondary",
        physicalNetworkName="tenant",
        subnets=["192.168.0.0/24"],
        excludeSubnets=["192.168.1.0/30"],
    )
    with pytest.raises(SyncError, match=r"do not contain excluded subnets 192\.168\.1\.0/30"):
        cni_config(network, "blue")


def test_ipv6_is_refused_by_a_cluster_without_it() -> None:
    with pytest.raises(SyncError, match="network blue_net is attempting to use ipv6 subnets but the cluster does not"):
        cni_config(udn(subnets=["10.20.0.0/24", "fd00::/64"]), "blue", Rules(families=(4,)))
    assert cni_config(udn(subnets=["10.20.0.0/24", "fd00::/64"]), "blue")["subnets"] == "10.20.0.0/24,fd00::/64"


@pytest.mark.parametrize("config", ["", "not json", "[]", '{"type":"bridge","name":"a"}'])
def test_attachments_of_others_are_left_alone(config: str) -> None:
    assert attachment_of({"metadata": {"name": "a", "namespace": "b"}, "spec": {"config": config}}) is None


def test_system_namespaces() -> None:
    assert all(map(system_namespace, ("default", "kube-system", "openshift-etcd", "openshift")))
    assert not any(map(system_namespace, ("defaults", "tenant-kube", "my-openshift")))


def test_ipv6_is_cut_into_64_bits_only():
    subnets = [{"cidr": "fd00::/48", "hostSubnet": 80}]
    with pytest.raises(SyncError, match="invalid subnet configuration: IPv6 only supports /64 host subnets"):
        cni_config(udn("Layer3", subnets=subnets), "blue")
