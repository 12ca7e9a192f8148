"""Server-side apply: owners of fields, conflicts, and what goes when nobody wants it any more."""

from __future__ import annotations

import json
from typing import Any

from tests.apiserver.conftest import Answer, Define, Object, Server, thing

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


def apply(server: Server, path: str, config: Object, manager: str, **query: Any) -> Answer:
    options = "&".join([f"fieldManager={manager}", *(f"{name}={value}" for name, value in query.items())])
    return server.call("PATCH", f"{path}?{options}", config, APPLY)


def config_map(data: Object) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def managers(obj: Object) -> dict[str, Object]:
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", [])}


def test_fields_have_owners(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/c"
    made = apply(server, path, config_map({"a": "1", "b": "2"}), "one")
    assert made.status == 201
    assert managers(made.body) == {"one": {"f:data": {"f:a": {}, "f:b": {}}}}
    both = apply(server, path, config_map({"b": "2", "c": "3"}), "two")
    assert both.body["data"] == {"a": "1", "b": "2", "c": "3"}
    refused = apply(server, path, config_map({"a": "9"}), "two")
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert refused.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one" using v1', "field": ".data.a"}
    ]
    fewer = apply(server, path, config_map({}), "one")
    assert fewer.body["data"] == {"b": "2", "c": "3"}
    forced = apply(server, path, config_map({"b": "7"}), "one", force="true")
    assert forced.body["data"] == {"b": "7", "c": "3"}
    assert managers(forced.body)["two"] == {"f:data": {"f:c": {}}}


def test_applying_the_same_again_changes_nothing(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/c"
    first = apply(server, path, config_map({"a": "1"}), "one").body
    second = apply(server, path, config_map({"a": "1"}), "one")
    assert second.status == 200
    assert second.body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_other_writes_take_fields_over(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/c"
    apply(server, path, config_map({"a": "1", "b": "2"}), "one")
    server.call("PATCH", f"{path}?fieldManager=editor", {"data": {"a": "5"}}, MERGE)
    stored = server.get(path)
    assert managers(stored) == {"one": {"f:data": {"f:b": {}}}, "editor": {"f:data": {"f:a": {}}}}
    assert apply(server, path, config_map({"a": "1", "b": "2"}), "one").status == 409


def test_what_stood_before_belongs_to_nobody_in_particular(server: Server, namespace: str) -> None:
    base = f"/api/v1/namespaces/{namespace}/configmaps"
    server.post(base, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    assert "managedFields" not in server.get(f"{base}/c")["metadata"]
    refused = apply(server, f"{base}/c", config_map({"a": "2"}), "one")
    assert 'conflict with "before-first-apply" using v1: .data.a' in refused.body["message"]
    assert apply(server, f"{base}/c", config_map({"a": "1"}), "one").status == 200


def test_lists_are_merged_by_key(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/p"

    def pod(*containers: Object) -> Object:
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": list(containers)}}

    apply(server, path, pod({"name": "a", "image": "one"}, {"name": "b", "image": "one"}), "one")
    changed = apply(server, path, pod({"name": "b", "image": "two"}), "two", force="true").body
    assert {c["name"]: c["image"] for c in changed["spec"]["containers"]} == {"a": "one", "b": "two"}
    key = 'k:{"name":"b"}'
    assert "f:image" in managers(changed)["two"]["f:spec"]["f:containers"][key]
    assert "f:image" not in managers(changed)["one"]["f:spec"]["f:containers"][key]


def test_custom_kinds_and_their_status(server: Server, define: Define, namespace: str) -> None:
    conditions = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {"type": "object", "properties": {"type": {"type": "string"}, "status": {"type": "string"}}},
    }
    base = define({"type": "object", "properties": {"conditions": conditions, "n": {"type": "integer"}}})
    path = f"{base}/namespaces/{namespace}/things/t"
    apply(server, path, thing(base, "t", {"conditions": [{"type": "A", "status": "True"}]}), "one")
    merged = apply(server, path, thing(base, "t", {"conditions": [{"type": "B", "status": "True"}]}), "two").body
    assert [entry["type"] for entry in merged["spec"]["conditions"]] == ["A", "B"]
    alone = apply(server, path, thing(base, "t", {"n": 1}), "one").body
    assert [entry["type"] for entry in alone["spec"]["conditions"]] == ["B"]
    status = {**thing(base, "t", {}), "status": {"ready": True}}
    applied = apply(server, f"{path}/status", status, "three").body
    assert (applied["status"], applied["spec"]["n"]) == ({"ready": True}, 1)


def test_bad_applies(server: Server, define: Define, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/c"
    assert "fieldManager" in server.call("PATCH", path, config_map({}), APPLY).body["message"]
    assert apply(server, f"{path}2", config_map({}), "one").status == 400
    assert server.call("PATCH", f"{path}?fieldManager=a", b"[]", APPLY).status == 400
    base = define({"type": "object", "properties": {"n": {"type": "integer"}}})
    unknown = json.dumps(thing(base, "t", {"m": 1})).encode()
    target = f"{base}/namespaces/{namespace}/things/t?fieldManager=a&fieldValidation=Strict"
    assert 'unknown field "spec.m"' in server.call("PATCH", target, unknown, APPLY).body["message"]
