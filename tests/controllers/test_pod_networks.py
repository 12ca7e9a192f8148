"""What pods are told of their networks, and where a machine's port belongs while it moves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lab.controllers.networks.annotation import default_entry, network_entry, pod_networks
from lab.controllers.networks.conditions import created, merged, sync_error
from lab.controllers.networks.definition import Attachment, Definition
from lab.controllers.networks.workloads import (
    TARGET_READY,
    Request,
    default_request,
    holder_of,
    launchers_of_run,
    moves_on,
    network_port,
    port_nodes,
    secondary_requests,
    workload_of,
)

Object = dict[str, Any]

NETWORK = Definition("blue_net", "layer2", "primary", ("10.20.0.0/24",), ("100.65.0.0/16", "fd99::/64"))


def launcher(name: str, node: str, created: str = "2026-01-01T00:00:00Z", run: str = "r1", **notes: str) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": "blue",
            "uid": name,
            "creationTimestamp": created,
            "labels": {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": run},
            "annotations": {"kubevirt.io/domain": "vm1", **notes},
        },
        "spec": {"nodeName": node},
    }


def test_annotation_of_a_pod_on_the_default_network() -> None:
    entry = default_entry(("10.244.1.3/24",), "0a:58:0a:f4:01:03", "blue_a", has_primary=False)
    assert json.loads(pod_networks({"default": entry})) == {
        "default": {
            "ip_addresses": ["10.244.1.3/24"],
            "mac_address": "0a:58:0a:f4:01:03",
            "gateway_ips": ["10.244.1.1"],
            "routes": [
                {"dest": "10.244.0.0/16", "nextHop": "10.244.1.1"},
                {"dest": "10.96.0.0/16", "nextHop": "10.244.1.1"},
                {"dest": "169.254.0.5/32", "nextHop": "10.244.1.1"},
                {"dest": "100.64.0.0/16", "nextHop": "10.244.1.1"},
            ],
            "ip_address": "10.244.1.3/24",
            "gateway_ip": "10.244.1.1",
            "role": "primary",
            "iface_id": "blue_a",
            "mtu": 1400,
        }
    }


def test_beside_a_primary_network_the_default_one_is_for_the_kubelet() -> None:
    entry = default_entry(("10.244.1.3/24",), "0a:58:0a:f4:01:03", "blue_a", has_primary=True).render()
    assert entry["role"] == "infrastructure-locked"
    assert not entry.keys() & {"gateway_ips", "gateway_ip"}


def test_entry_of_a_primary_network() -> None:
    entry = network_entry(NETWORK, NETWORK.subnets, ("10.20.0.3/24",), "0a:58:0a:14:00:03", "port").render()
    assert entry == {
        "ip_addresses": ["10.20.0.3/24"],
        "mac_address": "0a:58:0a:14:00:03",
        "gateway_ips": ["10.20.0.1"],
        "routes": [
            {"dest": "10.96.0.0/16", "nextHop": "10.20.0.1"},
            {"dest": "100.65.0.0/16", "nextHop": "10.20.0.1"},
        ],
        "ip_address": "10.20.0.3/24",
        "gateway_ip": "10.20.0.1",
        "role": "primary",
        "iface_id": "port",
        "mtu": 1400,
    }


def test_singular_keys_appear_for_one_address_only() -> None:
    both = Definition("blue_net", "layer2", "primary", ("10.20.0.0/24", "fd00::/64"))
    entry = network_entry(both, both.subnets, ("10.20.0.3/24", "fd00::3/64"), "mac", "port").render()
    assert entry["gateway_ips"] == ["10.20.0.1", "fd00::1"]
    assert not entry.keys() & {"ip_address", "gateway_ip"}


def test_a_machine_is_one_workload_over_all_its_pods() -> None:
    source, target = launcher("a", "n1"), launcher("b", "n2")
    attachment = Attachment("blue", "net", NETWORK)
    assert workload_of(source) == workload_of(target) == ("blue", "vm/vm1")
    assert network_port(source, attachment) == network_port(target, attachment) == "blue.net_blue_vm_vm1"


def test_on_layer3_each_pod_of_a_machine_has_a_port_of_its_own() -> None:
    source, target = launcher("a", "n1"), launcher("b", "n2")
    attachment = Attachment("blue", "net", replace(NETWORK, topology="layer3"))
    assert not moves_on(source, "layer3")
    assert network_port(source, attachment) == "blue.net_blue_a"
    assert network_port(target, attachment) == "blue.net_blue_b"
    assert holder_of(source) != holder_of(target)


def test_a_pod_is_a_workload_of_its_own() -> None:
    pod = {"metadata": {"name": "a", "namespace": "blue", "uid": "1"}, "spec": {}}
    assert workload_of(pod) == ("blue", "pod/a")
    assert network_port(pod, Attachment("blue", "net", NETWORK)) == "blue.net_blue_a"


@pytest.mark.parametrize(
    ("pods", "home", "nodes"),
    [
        ([], None, ()),
        ([launcher("a", "n1")], "n1", ("n1",)),
        ([launcher("a", "n1"), launcher("b", "n2")], "n1", ("n1", "n2")),
        ([launcher("a", "n1"), launcher("b", "n2")], None, ("n1", "n2")),
        ([launcher("a", "n1"), launcher("b", "n2")], "n2", ("n2",)),
        ([launcher("a", "n1"), launcher("b", "n2", **{TARGET_READY: "now"})], "n1", ("n2",)),
        ([launcher("a", "n1", **{TARGET_READY: "once"}), launcher("b", "n2")], "n1", ("n1", "n2")),
        # A target of an earlier migration that is not gone yet.
        ([launcher("a", "n1"), launcher("b", "n3"), launcher("c", "n2")], "n1", ("n1", "n2")),
    ],
)
def test_where_a_port_belongs(pods: list[Object], home: str | None, nodes: tuple[str, ...]) -> None:
    assert port_nodes(pods, home) == nodes


def test_pods_of_an_earlier_run_do_not_count() -> None:
    old = launcher("a", "n1", "2026-01-01T00:00:00Z", run="r1")
    new = launcher("b", "n2", "2026-01-01T00:00:05Z", run="r2")
    assert launchers_of_run([new, old]) == [new]
    assert launchers_of_run([launcher("c", "n1", "2026-01-01T00:00:09Z"), old])[0] is old


def test_requests_of_a_pod() -> None:
    asked = json.dumps([{"name": "default", "ips": ["10.20.0.9/24"], "mac": "02:00:00:00:00:01"}])
    pod = launcher("a", "n1", **{"v1.multus-cni.io/default-network": asked, "k8s.ovn.org/primary-udn-ipamclaim": "c"})
    assert default_request(pod) == Request(("10.20.0.9/24",), "02:00:00:00:00:01", "c")
    assert default_request(launcher("a", "n1")) == Request()
    with pytest.raises(ValueError, match="is not JSON"):
        default_request(launcher("a", "n1", **{"v1.multus-cni.io/default-network": "{"}))


def test_secondary_networks_in_both_notations() -> None:
    key = "k8s.v1.cni.cncf.io/networks"
    assert secondary_requests(launcher("a", "n1", **{key: "one, red/two@net7"})) == [
        ("blue/one", Request()),
        ("red/two", Request()),
    ]
    items = [{"name": "one", "ipam-claim-reference": "c", "mac": "02:00:00:00:00:01"}]
    assert secondary_requests(launcher("a", "n1", **{key: json.dumps(items)})) == [
        ("blue/one", Request((), "02:00:00:00:00:01", "c"))
    ]


def test_conditions_change_only_when_something_is_new() -> None:
    first = merged(None, [created()])
    assert first is not None
    assert merged(first, [created()]) is None
    failed = merged([{**first[0], "lastTransitionTime": "2020-01-01T00:00:00Z"}], [sync_error(["a", "b"])])
    assert failed is not None
    assert (failed[0]["status"], failed[0]["message"], failed[0]["reason"]) == ("False", "a\nb", "SyncError")
    assert failed[0]["lastTransitionTime"] != "2020-01-01T00:00:00Z"
    assert created(["b", "a"])["message"].endswith("in following namespaces: [a, b]")
