"""Annotations of OVN-Kubernetes and Multus, as they are written for pods and launchers."""

import json

from conformance.machines.pod_networks import default_interface, default_network, pod_networks, primary_network

ON_PRIMARY = {
    "default": {
        "ip_addresses": ["10.244.1.3/24"],
        "mac_address": "0a:58:0a:f4:01:03",
        "ip_address": "10.244.1.3/24",
        "role": "infrastructure-locked",
    },
    "red/primary": {
        "ip_addresses": ["10.200.0.5/24", "fd00::5/64"],
        "mac_address": "0A:58:0A:C8:00:05",
        "gateway_ips": ["10.200.0.1", "fd00::1"],
        "role": "primary",
    },
}
STATUS = [
    {"name": "ovn-kubernetes", "interface": "eth0", "ips": ["10.244.1.3"]},
    {"name": "ovn-kubernetes", "interface": "ovn-udn1", "ips": ["10.200.0.5"], "default": True},
]


def pod(networks=None, status=None):
    annotations = {}
    if networks is not None:
        annotations["k8s.ovn.org/pod-networks"] = json.dumps(networks)
    if status is not None:
        annotations["k8s.v1.cni.cncf.io/network-status"] = json.dumps(status)
    return {"metadata": {"annotations": annotations}}


def test_a_pod_on_a_primary_network():
    primary = primary_network(pod(ON_PRIMARY))
    assert primary is not None
    assert primary.name == "primary"
    assert primary.addresses == ("10.200.0.5", "fd00::5")
    assert primary.mac == "0a:58:0a:c8:00:05"
    assert primary.gateways == ("10.200.0.1", "fd00::1")
    assert default_network(pod(ON_PRIMARY)).address == "10.244.1.3"


def test_the_default_networks_own_role_is_no_user_defined_network():
    only_default = {"default": {"ip_address": "10.244.1.3/24", "gateway_ip": "10.244.1.1", "role": "primary"}}
    assert primary_network(pod(only_default)) is None
    assert default_network(pod(only_default)).gateways == ("10.244.1.1",)


def test_the_nic_of_the_default_route_is_found_by_its_mark():
    assert default_interface(pod(status=STATUS)) == "ovn-udn1"
    assert default_interface(pod(status=STATUS[:1])) is None


def test_a_pod_without_annotations_has_no_networks():
    bare = {"metadata": {}}
    assert pod_networks(bare) == ()
    assert primary_network(bare) is None
    assert default_interface(bare) is None
