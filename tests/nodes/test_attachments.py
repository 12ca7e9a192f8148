"""From annotation to NICs, and from NICs to network-status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.nodes import attachments

DEFAULT = {
    "ip_addresses": ["10.244.1.5/24"],
    "mac_address": "0a:58:0a:f4:01:05",
    "routes": [{"dest": "10.244.0.0/16", "nextHop": "10.244.1.1"}],
    "role": "infrastructure-locked",
    "iface_id": "ns_pod",
    "mtu": 1400,
}
PRIMARY = {
    "ip_addresses": ["10.20.0.5/16"],
    "mac_address": "0a:58:0a:14:00:05",
    "gateway_ips": ["10.20.0.1"],
    "role": "primary",
    "iface_id": "ns.net_ns_pod",
    "mtu": 1300,
}
SECONDARY = {"mac_address": "02:00:00:00:00:01", "role": "secondary", "iface_id": "other"}


def pod(networks: dict[str, Any], selection: str = "") -> dict[str, Any]:
    annotations = {attachments.POD_NETWORKS: json.dumps(networks), attachments.SELECTION: selection}
    return {"metadata": {"namespace": "ns", "name": "pod", "annotations": annotations}}


def test_a_pod_without_the_annotation_is_not_ready() -> None:
    assert not attachments.ready({"metadata": {}})
    assert attachments.ready(pod({"default": DEFAULT}))


def test_nics_come_in_order_with_their_facts() -> None:
    nics = attachments.interfaces(pod({"ns/net": PRIMARY, "ns/extra": SECONDARY, "default": DEFAULT}, "extra"))
    assert [nic.name for nic in nics] == ["eth0", "ovn-udn1", "net1"]
    assert (nics[1].mtu, nics[1].gateways, nics[1].iface_id) == (1300, ("10.20.0.1",), "ns.net_ns_pod")
    assert nics[0].routes[0].next_hop == "10.244.1.1"
    assert nics[2].ips == ()
    assert attachments.default_route_owner(nics) == "ovn-udn1"


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ("a@blue,b", {"ns/a": "blue", "ns/b": "net2"}),
        (
            '[{"name": "b", "namespace": "ns", "interface": "pod1234"}, {"name": "a"}]',
            {"ns/b": "pod1234", "ns/a": "net2"},
        ),
        ("", {"ns/a": "net1", "ns/b": "net2"}),
    ],
)
def test_secondaries_are_named_as_they_were_asked_for(selection: str, names: dict[str, str]) -> None:
    nics = attachments.interfaces(pod({"default": DEFAULT, "ns/a": SECONDARY, "ns/b": SECONDARY}, selection))
    assert {nic.network: nic.name for nic in nics[1:]} == names


def test_two_attachments_to_one_network_are_told_apart() -> None:
    nics = attachments.interfaces(pod({"default": DEFAULT, "ns/a": SECONDARY, "ns/a/1": SECONDARY}, "a,a"))
    assert [(nic.network, nic.name) for nic in nics[1:]] == [("ns/a", "net1"), ("ns/a/1", "net2")]


def test_network_status_marks_the_primary_network() -> None:
    nics = attachments.interfaces(pod({"default": DEFAULT, "ns/net": PRIMARY, "ns/extra": SECONDARY}, "extra"))
    status = json.loads(attachments.network_status(nics))
    assert [(entry["name"], entry["interface"], entry.get("default")) for entry in status] == [
        ("ovn-kubernetes", "eth0", None),
        ("ovn-kubernetes", "ovn-udn1", True),
        ("ns/extra", "net1", None),
    ]
    assert status[1]["ips"] == ["10.20.0.5"]


def test_without_a_primary_network_the_default_one_is_marked() -> None:
    nics = attachments.interfaces(pod({"default": {**DEFAULT, "role": "primary"}}))
    assert json.loads(attachments.network_status(nics))[0]["default"] is True


@pytest.mark.parametrize("text", ["{", '{"default": {}}', '{"default": 3}'])
def test_an_annotation_that_cannot_be_read_says_so(text: str) -> None:
    broken = {"metadata": {"namespace": "ns", "name": "p", "annotations": {attachments.POD_NETWORKS: text}}}
    with pytest.raises(ValueError, match=r"k8s\.ovn\.org/pod-networks cannot be read"):
        attachments.interfaces(broken)


def test_a_migration_s_target_has_no_address_of_the_guest() -> None:
    there = pod({"default": DEFAULT, "ns/net": PRIMARY})
    nics = attachments.interfaces(there)
    assert attachments.as_configured(there, nics) == nics
    there["metadata"]["labels"] = {"kubevirt.io/migrationJobUID": "uid"}
    default, primary = attachments.as_configured(there, nics)
    assert default == nics[0]
    assert (primary.ips, primary.routes, primary.gateways) == ((), (), ())
    assert primary.mac == nics[1].mac
