"""Admission policies in CEL, and webhooks."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.apiserver.conftest import Kubectl, Object, Server
from tests.apiserver.upstream import Upstream

GROUP = "/apis/admissionregistration.k8s.io/v1"
LABEL = "k8s.example/primary"
MERGE = "application/merge-patch+json"


class Policies:
    """Makes policies with a binding, and removes them after the test."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._names: list[str] = []

    def add(self, spec: Object, actions: tuple[str, ...] = ("Deny",), **binding: Any) -> str:
        name = f"p-{uuid.uuid4().hex[:8]}"
        self._names.append(name)
        self._server.post(f"{GROUP}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": spec})
        bound = {"policyName": name, "validationActions": list(actions), **binding}
        self._server.post(
            f"{GROUP}/validatingadmissionpolicybindings", {"metadata": {"name": f"{name}-all"}, "spec": bound}
        )
        return name

    def remove(self) -> None:
        for name in self._names:
            self._server.call("DELETE", f"{GROUP}/validatingadmissionpolicybindings/{name}-all")
            self._server.call("DELETE", f"{GROUP}/validatingadmissionpolicies/{name}")


@pytest.fixture
def policies(server: Server) -> Iterator[Policies]:
    made = Policies(server)
    yield made
    made.remove()


def about(resource: str, *operations: str, **more: Any) -> Object:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": list(operations), "resources": [resource]}
    return {"resourceRules": [{**rule, **more}]}


def test_a_policy_refuses_in_kubernetes_words(
    server: Server, kubectl: Kubectl, policies: Policies, namespace: str
) -> None:
    unchanged = (
        f"('{LABEL}' in (has(object.metadata.labels) ? object.metadata.labels : {{}})) == "
        f"('{LABEL}' in (has(oldObject.metadata.labels) ? oldObject.metadata.labels : {{}}))"
    )
    message = f"The '{LABEL}' label cannot be added/removed after the namespace was created"
    name = policies.add(
        {
            "matchConstraints": about("namespaces", "UPDATE"),
            "validations": [{"expression": unchanged, "message": message}],
        },
        matchResources={"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
    )
    denied = f"ValidatingAdmissionPolicy '{name}' with binding '{name}-all' denied request: {message}"
    path = f"/api/v1/namespaces/{namespace}"
    answer = server.call("PATCH", path, {"metadata": {"labels": {LABEL: ""}}}, MERGE)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"] == f'namespaces "{namespace}" is forbidden: {denied}'
    assert denied in kubectl.refused("label", "namespace", namespace, f"{LABEL}=")
    assert server.call("PATCH", path, {"metadata": {"labels": {"other": "x"}}}, MERGE).status == 200


def test_variables_conditions_parameters_and_warnings(server: Server, policies: Policies, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    server.post(path, {"metadata": {"name": "limits"}, "data": {"most": "2"}})
    policies.add(
        {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "matchConstraints": about("configmaps", "CREATE", "DELETE"),
            "matchConditions": [{"name": "c", "expression": "request.name != 'exempt'"}],
            "variables": [{"name": "count", "expression": "has(object.data) ? size(object.data) : 0"}],
            "validations": [
                {
                    "expression": "request.operation == 'DELETE' || variables.count <= int(params.data.most)",
                    "messageExpression": "'at most ' + params.data.most",
                    "reason": "Forbidden",
                },
                {"expression": "request.operation != 'DELETE'", "message": "nothing may go"},
            ],
        },
        paramRef={"name": "limits", "namespace": namespace, "parameterNotFoundAction": "Deny"},
        matchResources={"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
    )
    many = {"a": "1", "b": "2", "c": "3"}
    answer = server.call("POST", path, {"metadata": {"name": "many"}, "data": many})
    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    assert answer.body["message"].endswith("denied request: at most 2")
    server.post(path, {"metadata": {"name": "exempt"}, "data": many})
    server.post(path, {"metadata": {"name": "few"}, "data": {"a": "1"}})
    assert "nothing may go" in server.call("DELETE", f"{path}/few").body["message"]


def test_warnings_and_failures(server: Server, policies: Policies, namespace: str) -> None:
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    policies.add(
        {
            "matchConstraints": about("configmaps", "CREATE"),
            "validations": [{"expression": "false", "message": "careful"}],
        },
        ("Warn", "Audit"),
        matchResources=here,
    )
    answer = server.call("POST", path, {"metadata": {"name": "a"}})
    assert answer.status == 201
    assert "Validation failed for ValidatingAdmissionPolicy" in answer.headers["Warning"]
    validations = [{"expression": "object.nothing.here == 1"}]
    spec = {"matchConstraints": about("configmaps", "CREATE"), "validations": validations}
    policies.add({**spec, "failurePolicy": "Ignore"}, matchResources=here)
    assert server.call("POST", path, {"metadata": {"name": "b"}}).status == 201
    policies.add(spec, matchResources=here)
    failed = server.call("POST", path, {"metadata": {"name": "c"}})
    assert "resulted in error: no such key: nothing" in failed.body["message"]


async def review(request: web.Request) -> web.Response:
    """A webhook that labels, refuses names that begin with ``bad``, and warns."""
    asked = (await request.json())["request"]
    response: Object = {"uid": asked["uid"], "allowed": True}
    if request.path == "/mutate":
        operations = [{"op": "add", "path": "/data", "value": {"by": asked["userInfo"]["username"]}}]
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}
    elif asked["name"].startswith("bad"):
        response |= {"allowed": False, "status": {"code": 422, "reason": "Invalid", "message": "a bad name"}}
    else:
        response["warnings"] = [f"seen {asked['object']['data']['by']}"]
    return web.json_response({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response})


@pytest.fixture
def hooks(server: Server) -> Iterator[Upstream]:
    upstream = Upstream(server.state / "pki", "service", "ca", review)
    yield upstream
    upstream.stop()
    for resource in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        server.call("DELETE", f"{GROUP}/{resource}/hooks")


def configuration(server: Server, namespace: str, client: Object, **more: Any) -> Object:
    bundle = base64.b64encode((server.state / "pki" / "ca.crt").read_bytes()).decode()
    rules = about("configmaps", "CREATE")["resourceRules"]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    webhook = {
        "name": "hook.example.com",
        "rules": rules,
        "namespaceSelector": selector,
        "clientConfig": {"caBundle": bundle, **client},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **more,
    }
    return {"metadata": {"name": "hooks"}, "webhooks": [webhook]}


def test_webhooks_change_refuse_and_warn(server: Server, hooks: Upstream, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    base = f"/api/v1/namespaces/{namespace}"
    server.post(f"{base}/services", {"metadata": {"name": "hooks"}, "spec": {"ports": [{"port": 443}]}})
    subset = {"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": hooks.port}]}
    server.post(f"{base}/endpoints", {"metadata": {"name": "hooks"}, "subsets": [subset]})
    service = {"service": {"namespace": namespace, "name": "hooks", "path": "/mutate"}}
    server.post(f"{GROUP}/mutatingwebhookconfigurations", configuration(server, namespace, service))
    url = {"url": f"https://127.0.0.1:{hooks.port}/validate"}
    server.post(f"{GROUP}/validatingwebhookconfigurations", configuration(server, namespace, url))
    answer = server.call("POST", path, {"metadata": {"name": "good"}})
    assert answer.body["data"] == {"by": "kubernetes-admin"}
    assert answer.headers["Warning"] == '299 - "seen kubernetes-admin"'
    refused = server.call("POST", path, {"metadata": {"name": "bad"}})
    assert refused.status == 422
    assert refused.body["message"] == 'admission webhook "hook.example.com" denied the request: a bad name'


@pytest.mark.parametrize(("policy", "status"), [("Fail", 500), ("Ignore", 201)])
def test_a_webhook_that_is_not_there(server: Server, hooks: Upstream, namespace: str, policy: str, status: int) -> None:
    nowhere = configuration(server, namespace, {"url": "https://127.0.0.1:1/"}, failurePolicy=policy)
    server.post(f"{GROUP}/validatingwebhookconfigurations", nowhere)
    answer = server.call("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "c"}})
    assert answer.status == status
    if policy == "Fail":
        assert 'failed calling webhook "hook.example.com"' in answer.body["message"]
