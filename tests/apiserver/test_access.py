"""Who may do what: certificates, tokens, roles, reviews."""

from __future__ import annotations

from tests.apiserver.conftest import Kubectl, Object, Server

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def account(server: Server, namespace: str, *rules: Object, name: str = "bob") -> str:
    """A service account with these rules in its namespace; gives its token."""
    base = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    server.post(base, {"metadata": {"name": name}})
    local = f"{RBAC}/namespaces/{namespace}"
    server.post(f"{local}/roles", {"metadata": {"name": name}, "rules": list(rules)})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    server.post(f"{local}/rolebindings", binding)
    return str(server.post(f"{base}/{name}/token", {"spec": {}})["status"]["token"])


def test_nobody_gets_in_without_credentials(server: Server) -> None:
    for path in ("/api", "/api/v1/pods", "/version", "/apis/lab.example/v1/things"):
        answer = server.call("GET", path, token="")
        assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")
    assert server.call("GET", "/api/v1/pods", token="nonsense").status == 401
    assert server.call("GET", "/readyz", token="").status == 200


def test_rules_are_enforced_in_kubernetes_words(server: Server, namespace: str) -> None:
    token = account(
        server,
        namespace,
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"], "resourceNames": ["mine"]},
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["*"]},
    )
    base = f"/api/v1/namespaces/{namespace}"
    assert server.call("GET", f"{base}/configmaps", token=token).status == 200
    assert server.call("GET", f"{base}/configmaps?watch=true&timeoutSeconds=1", token=token).status == 200
    assert server.call("GET", f"{base}/secrets/mine", token=token).status == 404
    assert server.call("GET", f"{base}/secrets/other", token=token).status == 403
    assert server.call("GET", f"{base}/secrets", token=token).status == 403
    assert server.call("GET", f"{base}/secrets?fieldSelector=metadata.name%3Dmine", token=token).status == 200
    refused = server.call("POST", f"{base}/configmaps", {"metadata": {"name": "c"}}, token=token)
    user = f"system:serviceaccount:{namespace}:bob"
    assert refused.body["message"] == (
        f'configmaps is forbidden: User "{user}" cannot create resource "configmaps" in API group "" '
        f'in the namespace "{namespace}"'
    )
    assert server.call("PATCH", f"{base}/pods/p", {}, "application/merge-patch+json", token=token).status == 403
    assert server.call("PATCH", f"{base}/pods/p/status", {}, "application/merge-patch+json", token=token).status == 404
    everywhere = server.call("GET", "/api/v1/configmaps", token=token)
    assert everywhere.body["message"].endswith("at the cluster scope")
    assert server.call("GET", "/apis", token=token).status == 200
    assert server.call("GET", "/metrics", token=token).body["message"] == (
        f'forbidden: User "{user}" cannot get path "/metrics"'
    )


def test_cluster_roles_aggregate(server: Server, namespace: str) -> None:
    token = account(server, namespace, name="viewer")
    binding = {
        "metadata": {"name": "view"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "viewer", "namespace": namespace}],
    }
    server.post(f"{RBAC}/namespaces/{namespace}/rolebindings", binding)
    assert server.call("GET", f"/api/v1/namespaces/{namespace}/pods", token=token).status == 200
    assert server.call("GET", f"/api/v1/namespaces/{namespace}/secrets", token=token).status == 403
    assert server.call("GET", "/api/v1/namespaces/default/pods", token=token).status == 403


def test_a_token_dies_with_its_account(server: Server, namespace: str) -> None:
    token = account(server, namespace, {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert server.call("GET", path, token=token).status == 200
    assert server.call("GET", path, token=token[:-2] + "AA").status == 401
    server.call("DELETE", f"/api/v1/namespaces/{namespace}/serviceaccounts/bob")
    server.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "bob"}})
    assert server.call("GET", path, token=token).status == 401


def test_reviews_answer_as_the_server_decides(server: Server, kubectl: Kubectl, namespace: str) -> None:
    token = account(server, namespace, {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
    user = f"system:serviceaccount:{namespace}:bob"
    reviewed = server.post(
        "/apis/authentication.k8s.io/v1/tokenreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}},
    )
    assert reviewed["status"]["user"]["username"] == user
    attributes = {"verb": "list", "resource": "pods", "namespace": namespace}
    for verb, allowed in (("list", True), ("delete", False)):
        spec = {"user": user, "resourceAttributes": {**attributes, "verb": verb}}
        found = server.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
        assert found["status"]["allowed"] is allowed
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert kubectl.run("auth", "can-i", "delete", "pods", "-n", namespace, "--as", user).out == "no\n"
    assert "kubernetes-admin" in kubectl("auth", "whoami")
    assert "pods" in kubectl("auth", "can-i", "--list", "-n", namespace, "--as", user)


def test_kubectl_works_with_a_token(server: Server, kubectl: Kubectl, namespace: str) -> None:
    account(server, namespace, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]})
    token = kubectl("create", "token", "bob", "-n", namespace).strip()
    words = ["--kubeconfig=/dev/null", f"--server={server.url}", f"--token={token}"]
    words.append(f"--certificate-authority={server.state / 'pki' / 'ca.crt'}")
    kubectl("create", "configmap", "c", "-n", namespace, *words)
    assert "Forbidden" in kubectl.refused("get", "secrets", "-n", namespace, *words)


def test_files_with_keys_are_private(server: Server) -> None:
    for file in [server.kubeconfig, *(server.state / "pki").iterdir()]:
        assert file.stat().st_mode & 0o077 == 0, file
