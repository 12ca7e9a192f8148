"""Custom kinds: structure, defaults, values and CEL rules, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.conftest import CRDS, OPEN, Define, Object, Server, definition, thing

MERGE = "application/merge-patch+json"


def text(**more: Any) -> Object:
    return {"type": "string", **more}


def rules(*pairs: tuple[str, str], **more: Any) -> list[Object]:
    return [{"rule": rule, "message": message, **more} for rule, message in pairs]


def refusal(server: Server, base: str, namespace: str, spec: Object) -> str:
    answer = server.call("POST", f"{base}/namespaces/{namespace}/things", thing(base, "t", spec))
    assert answer.status == 422, answer.raw
    assert answer.body["reason"] == "Invalid"
    return str(answer.body["message"]).partition("is invalid: ")[2]


SET = {"type": "array", "items": text(), "x-kubernetes-list-type": "set"}
RULES_BROKEN = {"x-kubernetes-validations": [{"rule": "self.a ==", "message": "m"}]}
NUMBERS = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer", "minimum": 576}, 5, "5: spec.x in body should be greater than or equal to 576"),
        ({"type": "integer", "maximum": 3}, 5, "Invalid value: 5: spec.x in body should be less than or equal to 3"),
        ({"type": "integer"}, "a", 'spec.x: Invalid value: "a": spec.x in body must be of type integer: "string"'),
        (text(enum=["A", "B"]), "C", 'spec.x: Unsupported value: "C": supported values: "A", "B"'),
        (text(maxLength=2), "abc", "spec.x: Too long: may not be more than 2 bytes"),
        (text(minLength=2), "a", 'spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long'),
        (text(pattern="^a+$"), "b", 'spec.x: Invalid value: "b": spec.x in body should match \'^a+$\''),
        (text(format="date-time"), "b", 'spec.x: Invalid value: "b": spec.x in body must be of type date-time: "b"'),
        (NUMBERS, [1, 2, 3], "spec.x: Too many: 3: must have at most 2 items"),
        (NUMBERS, [], "spec.x: Invalid value: 0: spec.x in body should have at least 1 items"),
        (NUMBERS, [1, "a"], 'spec.x[1]: Invalid value: "a": spec.x[1] in body must be of type integer: "string"'),
        ({"type": "object", "minProperties": 1, **OPEN}, {}, "spec.x in body should have at least 1 properties"),
        ({"type": "object", "required": ["y"], "properties": {"y": text()}}, {}, "spec.x.y: Required value"),
        (SET, ["a", "a"], 'spec.x[1]: Duplicate value: "a"'),
        ({"x-kubernetes-int-or-string": True}, True, "must be of type integer,string"),
    ],
)  # fmt: skip
def test_values_are_judged_by_their_schema(
    server: Server, define: Define, namespace: str, schema: Object, value: Any, message: str
) -> None:
    base = define({"type": "object", "properties": {"x": schema}})
    assert message in refusal(server, base, namespace, {"x": value})


def test_defaults_fill_and_unknown_fields_go(server: Server, define: Define, namespace: str) -> None:
    inner = {"type": "object", "default": {}, "properties": {"mode": text(default="On")}}
    base = define({"type": "object", "properties": {"inner": inner, "free": {"type": "object", **OPEN}, "n": text()}})
    body = thing(base, "t", {"free": {"any": 1}, "what": 1, "n": None})
    answer = server.call("POST", f"{base}/namespaces/{namespace}/things", body)
    assert answer.body["spec"] == {"inner": {"mode": "On"}, "free": {"any": 1}}
    assert answer.headers["Warning"] == '299 - "unknown field \\"spec.what\\""'
    strict = server.call("POST", f"{base}/namespaces/{namespace}/things?fieldValidation=Strict", body)
    assert strict.status == 400
    assert 'strict decoding error: unknown field "spec.what"' in strict.body["message"]
    ignored = server.call("PUT", f"{base}/namespaces/{namespace}/things/t?fieldValidation=Ignore", answer.body)
    assert "Warning" not in ignored.headers


def test_rules_speak_with_their_message_and_place(server: Server, define: Define, namespace: str) -> None:
    base = define(
        {
            "type": "object",
            "properties": {"a": text(), "b": text(), "subnets": {"type": "array", "items": text()}},
            "x-kubernetes-validations": [
                *rules(("!has(self.a) || has(self.b)", "b is required with a")),
                *rules(("!has(self.b) || self.b != 'x'", "b must not be x"), fieldPath=".b"),
                *rules(("!has(self.b) || self.b != 'y'", "no y"), reason="FieldValueForbidden", fieldPath=".b"),
                {"rule": "!has(self.b) || self.b != 'z'", "messageExpression": "'found ' + self.b"},
                {"rule": "!has(self.subnets) || self.subnets.all(s, isCIDR(s))", "message": "CIDR is invalid"},
            ],
        }
    )
    assert refusal(server, base, namespace, {"a": "1"}) == 'spec: Invalid value: "object": b is required with a'
    assert refusal(server, base, namespace, {"b": "x"}) == 'spec.b: Invalid value: "object": b must not be x'
    assert refusal(server, base, namespace, {"b": "y"}) == "spec.b: Forbidden: no y"
    assert refusal(server, base, namespace, {"b": "z"}) == 'spec: Invalid value: "object": found z'
    assert "CIDR is invalid" in refusal(server, base, namespace, {"subnets": ["10.0.0.0/8", "x"]})


def test_faults_that_block_rules_say_so(server: Server, define: Define, namespace: str) -> None:
    rule = rules(("self.n > 5", "n is small"))
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    base = define({**schema, "x-kubernetes-validations": rule})
    message = refusal(server, base, namespace, {})
    assert message.startswith("[spec.n: Required value, <nil>: Invalid value: ")
    assert "some validation rules were not checked because the object was invalid" in message


def test_transition_rules_compare_with_what_was(server: Server, define: Define, namespace: str) -> None:
    fixed = rules(("self == oldSelf", "topology is immutable"))
    subnets = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["cidr"],
        "items": {
            "type": "object",
            "required": ["cidr"],
            "properties": {
                "cidr": text(),
                "size": {
                    "type": "integer",
                    "x-kubernetes-validations": rules(("self >= oldSelf", "size may not shrink")),
                },
            },
        },
    }
    base = define(
        {"type": "object", "properties": {"topology": text(**{"x-kubernetes-validations": fixed}), "subnets": subnets}}
    )
    path = f"{base}/namespaces/{namespace}/things"
    server.post(path, thing(base, "t", {"subnets": [{"cidr": "a", "size": 5}]}))
    assert server.call("PATCH", f"{path}/t", {"spec": {"topology": "Layer2"}}, MERGE).status == 200
    changed = server.call("PATCH", f"{path}/t", {"spec": {"topology": "Layer3"}}, MERGE)
    assert changed.status == 422
    assert 'spec.topology: Invalid value: "string": topology is immutable' in changed.body["message"]
    assert server.call("PATCH", f"{path}/t", {"spec": {"topology": None}}, MERGE).status == 200
    grown = [{"cidr": "b", "size": 1}, {"cidr": "a", "size": 6}]
    assert server.call("PATCH", f"{path}/t", {"spec": {"subnets": grown}}, MERGE).status == 200
    shrunk = server.call("PATCH", f"{path}/t", {"spec": {"subnets": [{"cidr": "a", "size": 2}]}}, MERGE)
    assert 'spec.subnets[0].size: Invalid value: "integer": size may not shrink' in shrunk.body["message"]


def test_unchanged_faults_do_not_block_updates(server: Server, define: Define, namespace: str) -> None:
    base = define({"type": "object", "properties": {"n": {"type": "integer"}}})
    path = f"{base}/namespaces/{namespace}/things"
    server.post(path, thing(base, "t", {"n": 1}))
    group = base.split("/")[2]
    tightened = definition(
        group, "things", "Thing", {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}}
    )
    versions = {"spec": {"versions": tightened["spec"]["versions"]}}
    assert server.call("PATCH", f"{CRDS}/things.{group}", versions, MERGE).status == 200
    assert server.call("PATCH", f"{path}/t", {"metadata": {"labels": {"a": "b"}}}, MERGE).status == 200
    assert server.call("PATCH", f"{path}/t", {"spec": {"n": 2}}, MERGE).status == 422


def test_versions_share_their_objects(server: Server, namespace: str) -> None:
    made = definition("versions.example", "items", "Item", {"type": "object", **OPEN}, scope="Cluster")
    first = made["spec"]["versions"][0]
    made["spec"]["versions"].append({**first, "name": "v2", "storage": False})
    server.post(CRDS, made)
    server.post(
        "/apis/versions.example/v2/items",
        {"apiVersion": "versions.example/v2", "kind": "Item", "metadata": {"name": "i"}},
    )
    assert server.get("/apis/versions.example/v1/items/i")["apiVersion"] == "versions.example/v1"
    assert server.get("/apis/versions.example/v2/items")["items"][0]["apiVersion"] == "versions.example/v2"
    assert server.get("/apis/versions.example")["preferredVersion"]["version"] == "v2"
    server.call("DELETE", f"{CRDS}/items.versions.example")
    assert server.call("GET", "/apis/versions.example/v1/items").status == 404


def test_a_definition_waits_for_its_objects_finalizers(server: Server, define: Define, namespace: str) -> None:
    base = define({"type": "object", **OPEN})
    path, name = f"{base}/namespaces/{namespace}/things", f"things.{base.split('/')[2]}"
    server.post(path, thing(base, "held", {}, finalizers=["example.com/x"]))
    server.post(path, thing(base, "free", {}))
    assert server.call("DELETE", f"{CRDS}/{name}").status == 200
    assert [item["metadata"]["name"] for item in server.get(path)["items"]] == ["held"]
    assert server.call("PATCH", f"{path}/held", {"metadata": {"finalizers": None}}, MERGE).status == 200
    assert server.call("GET", f"{CRDS}/{name}").status == 404


def test_broken_definitions_are_refused(server: Server) -> None:
    made = definition("broken.example", "items", "Item", {"type": "object"})
    made["metadata"]["name"] = "other"
    answer = server.call("POST", CRDS, made)
    assert 'must be spec.names.plural+"."+spec.group' in answer.body["message"]
    assert server.call("POST", CRDS, {"metadata": {"name": "x"}, "spec": {}}).status == 422
    made = definition("broken.example", "items", "Item", {"type": "object", **RULES_BROKEN})
    refused = server.call("POST", CRDS, made)
    assert ".properties[spec].x-kubernetes-validations[0].rule: Invalid value" in refused.body["message"]
    assert "compilation failed" in refused.body["message"]


def test_rules_may_ask_for_an_old_value_that_may_be_absent(server: Server, define: Define, namespace: str) -> None:
    rule = {
        "rule": "oldSelf.hasValue() ? oldSelf.value() == self : self == 1",
        "optionalOldSelf": True,
        "message": "begins with 1 and stays",
    }
    base = define({"type": "object", "properties": {"n": {"type": "integer", "x-kubernetes-validations": [rule]}}})
    path = f"{base}/namespaces/{namespace}/things"
    assert "begins with 1 and stays" in refusal(server, base, namespace, {"n": 2})
    server.post(path, thing(base, "t", {"n": 1}))
    assert server.call("PATCH", f"{path}/t", {"spec": {"n": 2}}, MERGE).status == 422


def test_scale_of_a_custom_kind(server: Server, define: Define, namespace: str) -> None:
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    base = define(
        {"type": "object", "properties": {"replicas": {"type": "integer"}}}, subresources={"status": {}, "scale": scale}
    )
    path = f"{base}/namespaces/{namespace}/things"
    server.post(path, thing(base, "t", {"replicas": 1}))
    found = server.get(f"{path}/t/scale")
    found["spec"]["replicas"] = 4
    assert server.call("PUT", f"{path}/t/scale", found).body["spec"] == {"replicas": 4}
    assert server.get(f"{path}/t")["spec"] == {"replicas": 4}
