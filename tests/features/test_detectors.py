"""What is found of a cluster, and what shows it, over a real connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.features.detect import detect
from conformance.features.model import Feature, FeatureSet
from conformance.features.sight import Given, Sight
from conformance.features.virtctl import judge
from conformance.kube.api import Api
from tests.plugin.conftest import Cluster, cluster, kubevirt, node, served, virtctl  # noqa: F401


def look(cluster: Cluster, **given: Any) -> FeatureSet:  # noqa: F811
    """The features of a cluster."""
    return detect(Sight(Api.connect(cluster.kubeconfig), Given(**given)))


def test_a_whole_cluster(cluster: Cluster, tmp_path: Path) -> None:  # noqa: F811
    features = look(cluster, virtctl=str(virtctl(tmp_path)), outside="203.0.113.10")
    for name in ("kubevirt", "virtctl", "udn", "cudn", "nad", "ipam-claims", "live-migration", "l2bridge", "outside"):
        assert features.has(name), features[name]
    assert features["two-schedulable-nodes"].evidence == "can run VMs: worker-1, worker-2"
    assert all(feature.evidence for feature in features)


def test_an_empty_cluster(cluster: Cluster) -> None:  # noqa: F811
    cluster.answers = {"/version": {}, "/apis": {"groups": []}, "/api/v1/nodes": {"items": []}}
    features = look(cluster, virtctl="/no/such/virtctl")
    assert not any(feature.present for feature in features)
    assert features["kubevirt"].evidence == "there is no KubeVirt object in the cluster"
    assert "/no/such/virtctl" in features["virtctl"].evidence


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"spec": {"unschedulable": True}}, "cordoned"),
        ({"spec": {"taints": [{"key": "a/b", "effect": "NoSchedule"}]}}, "tainted a/b"),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, "not ready"),
        ({"metadata": {"name": "worker-2"}}, "not labelled kubevirt.io/schedulable=true"),
    ],
)
def test_one_node_is_not_enough(cluster: Cluster, change: dict[str, Any], why: str) -> None:  # noqa: F811
    cluster.answers["/api/v1/nodes"] = {"items": [node("worker-1"), node("worker-2") | change]}
    features = look(cluster)
    assert features["two-schedulable-nodes"].present is False
    assert features["two-schedulable-nodes"].evidence == f"can run VMs: worker-1; cannot: worker-2 ({why})"
    assert features["live-migration"].present is False


def test_bindings(cluster: Cluster) -> None:  # noqa: F811
    cluster.answers["/apis/kubevirt.io/v1/kubevirts"] = {"items": [kubevirt(passt={}, other={})]}
    features = look(cluster)
    assert features.has("passt")
    assert features["l2bridge"].evidence == "no network binding plugin l2bridge is registered; there are: other, passt"
    assert not features.has("interface-binding")
    assert look(cluster, interface_binding="other").has("interface-binding")
    assert look(cluster, interface_binding="passt").has("interface-binding")


def test_dual_stack_nodes(cluster: Cluster) -> None:  # noqa: F811
    both = node("worker-1") | {"spec": {"podCIDRs": ["10.244.0.0/24", "fd00::/64"]}}
    cluster.answers["/api/v1/nodes"] = {"items": [both]}
    assert look(cluster).has("ipv6")


def test_groups_that_show_features(cluster: Cluster) -> None:  # noqa: F811
    names = ("metallb.io", "networking.istio.io", "console.openshift.io")
    cluster.answers["/apis"] = {"groups": [{"name": name} for name in names]}
    cluster.answers["/apis/k8s.cni.cncf.io/v1beta1"] = served("multi-networkpolicies")
    features = look(cluster)
    for name in ("load-balancer", "service-mesh", "console", "multi-network-policy"):
        assert features.has(name)


@pytest.mark.parametrize(
    ("said", "present", "evidence"),
    [
        ('Client Version: version.Info{GitVersion:"v1.6.0"}', True, "x is 1.6.0"),
        ('version.Info{GitVersion:"v0.44.1-rc.1"}', False, "x is 0.44.1-rc.1; at least 0.59 is needed"),
        ('version.Info{GitVersion:"v0.0.0-master+$Format:%h$"}', True, "x is 0.0.0-master+$Format:%h$"),
        ("", False, "x does not answer `version` as virtctl does: nothing printed"),
    ],
)
def test_versions_of_virtctl(said: str, present: bool, evidence: str) -> None:
    assert judge("x", said) == (present, evidence)


def test_a_virtctl_that_fails(cluster: Cluster, tmp_path: Path) -> None:  # noqa: F811
    program = tmp_path / "virtctl"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    program.chmod(0o755)
    found = look(cluster, virtctl=str(program))["virtctl"]
    assert found.present is False
    assert "ended with status 3: broken" in found.evidence


def test_the_user_s_word_goes_before() -> None:
    features = FeatureSet([Feature("passt", False, "not registered")]).with_overrides({"passt": True, "ipv6": False})
    assert features.has("passt")
    assert features["passt"].evidence == "said by --feature passt=yes; found: not registered"
    assert features["ipv6"].overridden
    assert FeatureSet.from_list(features.to_list()).to_list() == features.to_list()
    missing = features.missing(["passt", "ipv6", "udn"])
    assert missing is not None
    assert missing.name == "ipv6"
    with pytest.raises(KeyError):
        features["no-such-feature"]
