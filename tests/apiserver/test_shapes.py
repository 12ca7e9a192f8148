"""Small parts: paths, JSONPath, cells, names, protobuf."""

from __future__ import annotations

from typing import Any

import pytest

from lab.apiserver import protobuf
from lab.apiserver.cells import duration, node_roles, node_status, pod_status, service_ports
from lab.apiserver.errors import ApiError
from lab.apiserver.jsonpath import compile_path, first
from lab.apiserver.kinds import version_rank
from lab.apiserver.paths import parse
from lab.apiserver.rendering import form_of


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", ("list", "", "", "pods", "", "")),
        ("GET", "/api/v1/namespaces", ("list", "", "", "namespaces", "", "")),
        ("GET", "/api/v1/namespaces/x", ("get", "", "x", "namespaces", "x", "")),
        ("PUT", "/api/v1/namespaces/x/finalize", ("update", "", "x", "namespaces", "x", "finalize")),
        ("DELETE", "/api/v1/namespaces/x/pods", ("deletecollection", "", "x", "pods", "", "")),
        ("PATCH", "/apis/a.b/v1/namespaces/x/things/t/status", ("patch", "a.b", "x", "things", "t", "status")),
        ("POST", "/apis/a.b/v1/things", ("create", "a.b", "", "things", "", "")),
        ("GET", "/apis/a.b/v1", ("get", "", "", "", "", "")),
        ("GET", "/apis/a.b/v1/namespaces/x/vms/v/portforward/22/tcp", ("get", "a.b", "x", "vms", "v", "portforward")),
    ],
)
def test_paths(method: str, path: str, expected: tuple[str, ...]) -> None:
    found = parse(method, path, watch=False)
    assert (found.verb, found.group, found.namespace, found.plural, found.name, found.subresource) == expected


def test_printer_paths() -> None:
    obj: dict[str, Any] = {
        "metadata": {"labels": {"a.b/c": "x"}},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
        "list": [1, 2],
    }
    assert first(obj, ".metadata.labels.a\\.b/c") == "x"
    assert first(obj, ".metadata.labels['a.b/c']") == "x"
    assert first(obj, '.status.conditions[?(@.type=="Other")].status') == "False"
    assert compile_path(".status.conditions[*].type")(obj) == ["Ready", "Other"]
    assert first(obj, "{.list[1]}") == 2
    assert first(obj, ".nothing.here", "none") == "none"
    with pytest.raises(ValueError, match="unreadable path"):
        compile_path(".a[")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (185, "3m5s"),
        (10800, "3h"),
        (27000, "7h30m"),
        (259200, "3d"),
        (-9, "<invalid>"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_cells() -> None:
    waiting = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    assert (
        pod_status({"metadata": {}, "status": {"phase": "Pending", "containerStatuses": [waiting]}})
        == "ContainerCreating"
    )
    assert pod_status({"metadata": {"deletionTimestamp": "now"}, "status": {}}) == "Terminating"
    node = {
        "metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
        "spec": {"unschedulable": True},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    assert (node_status(node), node_roles(node)) == ("Ready,SchedulingDisabled", "control-plane")
    assert service_ports({"spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]}}) == (
        "80:30080/TCP,53/UDP"
    )


def test_versions_in_kubernetes_order() -> None:
    names = ["v1alpha1", "odd", "v1", "v2beta1", "v10", "v2", "v1beta2"]
    assert sorted(names, key=version_rank) == ["v10", "v2", "v1", "v2beta1", "v1beta2", "v1alpha1", "odd"]


def test_forms_of_answers() -> None:
    assert form_of("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").name == "table"
    assert form_of("application/vnd.kubernetes.protobuf,application/json").name == "plain"
    assert form_of("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").name == "partial"
    assert form_of("").name == "plain"


@pytest.mark.parametrize("body", [b"", b"k8s\x00", b"k8s\x00\xff\xff", b"k8s\x00\x0a\x03\x0a\x01v"])
def test_damaged_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        protobuf.decode(body)
    assert refused.value.code == 400
