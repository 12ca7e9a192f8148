"""The official Python client: typed, dynamic, watch."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

from tests.apiserver.conftest import Define, Server, thing


@pytest.fixture(scope="session")
def api(server: Server) -> client.ApiClient:
    return config.new_client_from_config(str(server.kubeconfig))


@pytest.fixture(scope="session")
def anything(api: client.ApiClient) -> dynamic.DynamicClient:
    return dynamic.DynamicClient(api)


def test_typed_create_read_patch_delete(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    made = core.create_namespaced_config_map(
        namespace, client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="c-"), data={"a": "1"})
    )
    name = made.metadata.name
    assert name.startswith("c-")
    core.patch_namespaced_config_map(name, namespace, {"data": {"b": "2"}})
    found = core.read_namespaced_config_map(name, namespace)
    assert found.data == {"a": "1", "b": "2"}
    assert found.metadata.creation_timestamp is not None
    found.data = {"c": "3"}
    assert core.replace_namespaced_config_map(name, namespace, found).data == {"c": "3"}
    with pytest.raises(ApiException) as stale:
        core.replace_namespaced_config_map(name, namespace, found)
    assert stale.value.status == 409
    core.delete_namespaced_config_map(name, namespace)
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map(name, namespace)
    assert missing.value.status == 404


def test_typed_pods_nodes_and_deployments(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    container = client.V1Container(name="c", image="i", ports=[client.V1ContainerPort(container_port=80)])
    pod = client.V1Pod(metadata=client.V1ObjectMeta(name="p"), spec=client.V1PodSpec(containers=[container]))
    core.create_namespaced_pod(namespace, pod)
    found = core.list_namespaced_pod(namespace, label_selector="", field_selector="metadata.name=p").items
    assert [item.spec.containers[0].ports[0].protocol for item in found] == ["TCP"]
    assert core.list_node().items is not None
    assert client.AppsV1Api(api).list_namespaced_deployment(namespace).items == []
    assert client.VersionApi(api).get_code().minor == "32"


def test_watch_yields_typed_events_from_a_revision_on(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    since = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "c"}})
    core.patch_namespaced_config_map("c", namespace, {"data": {"a": "1"}})
    core.delete_namespaced_config_map("c", namespace)
    seen: list[tuple[str, Any]] = []
    stream = watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version=since, timeout_seconds=1)
    for event in stream:
        seen.append((event["type"], event["object"].data))
    assert seen == [("ADDED", None), ("MODIFIED", {"a": "1"}), ("DELETED", {"a": "1"})]


def test_dynamic_client_knows_custom_kinds(anything: dynamic.DynamicClient, define: Define, namespace: str) -> None:
    base = define({"type": "object", "properties": {"size": {"type": "integer"}}})
    things = anything.resources.get(api_version=base.removeprefix("/apis/"), kind="Thing")
    made = things.create(body=thing(base, "t", {"size": 1}), namespace=namespace)
    assert made.spec.size == 1
    patched = things.patch(
        name="t", namespace=namespace, body={"spec": {"size": 2}}, content_type="application/merge-patch+json"
    )
    assert patched.metadata.generation == 2
    operations = [{"op": "replace", "path": "/spec/size", "value": 3}]
    things.patch(name="t", namespace=namespace, body=operations, content_type="application/json-patch+json")
    with pytest.raises(ConflictError):
        things.create(body=thing(base, "t", {"size": 1}), namespace=namespace)
    status = things.status.patch(
        name="t", namespace=namespace, body={"status": {"ready": True}}, content_type="application/merge-patch+json"
    )
    assert (status.status.ready, status.spec.size) == (True, 3)
    applied = things.server_side_apply(body=thing(base, "u", {"size": 5}), namespace=namespace, field_manager="tests")
    assert applied.spec.size == 5
    assert len(things.get(namespace=namespace).items) == 2
    things.delete(name="t", namespace=namespace)
    with pytest.raises(NotFoundError):
        things.get(name="t", namespace=namespace)


def test_dynamic_watch(anything: dynamic.DynamicClient, namespace: str) -> None:
    maps = anything.resources.get(api_version="v1", kind="ConfigMap")
    maps.create(body={"metadata": {"name": "c"}}, namespace=namespace)
    first = next(iter(maps.watch(namespace=namespace, timeout=5)))
    assert (first["type"], first["object"].metadata.name) == ("ADDED", "c")
