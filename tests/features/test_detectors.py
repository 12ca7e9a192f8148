"""What is found of a cluster, and what shows it, over a real connection."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from conformance.features import detectors
from conformance.features.detect import detect
from conformance.features.model import Feature, FeatureSet
from conformance.features.ovn_kubernetes import OvnKubernetes
from conformance.features.sight import Given, Sight
from conformance.features.virtctl import judge
from conformance.kube.api import Api
from conformance.kube.errors import NotFound
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


def ovnkube(*args: str, **variables: str) -> dict[str, Any]:
    """The DaemonSet of OVN-Kubernetes, with flags and variables."""
    env = [{"name": name, "value": value} for name, value in variables.items()]
    containers = [{"name": "x", "image": "ovn:1.2"}, {"name": "ovnkube-controller", "args": list(args), "env": env}]
    metadata = {"name": "ovnkube-node", "namespace": "net"}
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}


CONF = '[gateway]\nmode=shared\nv4-masquerade-subnet="100.98.0.0/24"\n[ovnkubernetesfeature]\n'


@pytest.mark.parametrize(
    ("daemons", "conf", "told", "room"),
    [
        (
            ovnkube(),
            "",
            "169.254.169.0/29 (ovnkube's default: neither net/ovnkube-node nor ovnkube-config sets one)",
            0,
        ),
        (
            ovnkube(OVN_V4_MASQUERADE_SUBNET=""),
            CONF,
            "100.98.0.0/24 (v4-masquerade-subnet in ovnkube-config)",
            122,
        ),
        (
            ovnkube(OVN_V4_MASQUERADE_SUBNET="169.254.0.0/17"),
            CONF,
            "169.254.0.0/17 (OVN_V4_MASQUERADE_SUBNET of net/ovnkube-node)",
            16378,
        ),
        (
            ovnkube("--x=y --gateway-v4-masquerade-subnet=10.0.0.0/20"),
            "not [a file",
            "10.0.0.0/20 (--gateway-v4-masquerade-subnet of net/ovnkube-node)",
            2042,
        ),
    ],
)
def test_the_masquerade_subnet_where_each_distribution_keeps_it(
    cluster: Cluster,  # noqa: F811
    daemons: dict[str, Any],
    conf: str,
    told: str,
    room: int,
) -> None:
    cluster.answers["/apis/apps/v1/daemonsets"] = {"items": [daemons]}
    cluster.answers["/api/v1/namespaces/net/configmaps/ovnkube-config"] = {"data": {"ovnkube.conf": conf}}
    assert look(cluster)["masquerade-subnet"].evidence == f"masquerade subnet {told}"
    found = OvnKubernetes.of(Sight(Api.connect(cluster.kubeconfig), Given()))
    assert found is not None
    assert found.masquerade().room == room


@pytest.mark.parametrize(
    ("daemons", "conf", "present"),
    [
        (ovnkube(), "", False),
        (ovnkube(OVN_PRE_CONF_UDN_ADDR_ENABLE=""), CONF, False),
        (ovnkube(OVN_PRE_CONF_UDN_ADDR_ENABLE="false"), "", False),
        (ovnkube(OVN_PRE_CONF_UDN_ADDR_ENABLE="true"), "", True),
        (ovnkube("--enable-preconfigured-udn-addresses"), "", True),
        (ovnkube(), CONF + "enable-preconfigured-udn-addresses=true\n", True),
    ],
)
def test_static_addresses_by_the_settings(
    cluster: Cluster,  # noqa: F811
    daemons: dict[str, Any],
    conf: str,
    present: bool,
) -> None:
    cluster.answers["/apis/apps/v1/daemonsets"] = {"items": [daemons]}
    cluster.answers["/api/v1/namespaces/net/configmaps/ovnkube-config"] = {"data": {"ovnkube.conf": conf}}
    assert look(cluster)["static-address"].present is present


def test_a_masquerade_subnet_that_is_none(cluster: Cluster) -> None:  # noqa: F811
    cluster.answers["/apis/apps/v1/daemonsets"] = {"items": [ovnkube(OVN_V4_MASQUERADE_SUBNET="nonsense")]}
    assert "that is set is none: 'nonsense'" in look(cluster)["masquerade-subnet"].evidence


def test_what_fails_is_asked_once(cluster: Cluster) -> None:  # noqa: F811
    asked: list[str] = []
    sight = Sight(Api.connect(cluster.kubeconfig), Given())

    def read() -> None:
        asked.append("once")
        raise NotFound(404, "NotFound", "no")

    for _ in range(2):
        with pytest.raises(NotFound):
            sight.once("it", read)
    assert asked == ["once"]


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


def test_an_outside_host_is_the_users_word_or_this_machine(
    cluster: Cluster,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = look(cluster, outside_shell="ssh bastion sh")["outside-client"]
    assert (said.present, said.evidence) == (True, "--outside-shell ssh bastion sh")
    cluster.answers["/api/v1/nodes"] = {"items": [addressed("127.0.0.1")]}
    for answer in (b"", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"):
        with listening(tmp_path, answer) as port:
            monkeypatch.setattr(detectors, "KUBELET", port)
            unreached = look(cluster)["outside-client"]
        assert unreached.present is False, "what takes connections need not be a kubelet"
        assert "127.0.0.1" in unreached.evidence
    with listening(tmp_path, b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") as port:
        monkeypatch.setattr(detectors, "KUBELET", port)
        assert look(cluster)["outside-client"].evidence == "this machine reaches node address 127.0.0.1"


def addressed(address: str) -> dict[str, Any]:
    """A node at that address."""
    return node("worker-1") | {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}


@contextmanager
def listening(folder: Path, answer: bytes) -> Iterator[int]:
    """The port of a server that speaks TLS and answers one request."""
    certificate = folder / "kubelet.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(server: socket.socket) -> None:
        client, _ = server.accept()
        with context.wrap_socket(client, server_side=True) as link:
            link.recv(65536)
            link.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=serve, args=(server,))
        serving.start()
        yield server.getsockname()[1]
        serving.join()
