"""Objects come, change and go: identity, conflicts, finalizers, grace, namespaces."""

from __future__ import annotations

from tests.apiserver.conftest import Define, Server, thing

MERGE = "application/merge-patch+json"
POD = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def test_names_are_unique_and_well_formed(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    server.post(path, {"metadata": {"name": "c"}})
    again = server.call("POST", path, {"metadata": {"name": "c"}})
    assert (again.status, again.body["reason"], again.body["message"]) == (
        409,
        "AlreadyExists",
        'configmaps "c" already exists',
    )
    wrong = server.call("POST", path, {"metadata": {"name": "C_"}})
    assert wrong.status == 422
    assert "a lowercase RFC 1123 subdomain must consist of" in wrong.body["message"]
    labelled = server.call("POST", path, {"metadata": {"name": "d", "labels": {"a": "b c"}}})
    assert labelled.body["details"]["causes"][0]["field"] == "metadata.labels"
    nameless = server.call("POST", path, {})
    assert "metadata.name: Required value: name or generateName is required" in nameless.body["message"]


def test_stale_writes_conflict_and_unchanged_ones_do_not_count(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = server.post(path, {"metadata": {"name": "c"}})
    first = server.call("PUT", f"{path}/c", {**made, "data": {"a": "1"}})
    assert first.status == 200
    stale = server.call("PUT", f"{path}/c", {**made, "data": {"a": "2"}})
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes to the latest version" in stale.body["message"]
    same = server.call("PATCH", f"{path}/c", {"data": {"a": "1"}}, MERGE)
    assert same.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
    other = {**made, "metadata": {**made["metadata"], "uid": "x", "resourceVersion": None}}
    assert "Precondition failed: UID" in server.call("PUT", f"{path}/c", other).body["message"]


def test_generation_counts_changes_of_the_spec_alone(server: Server, define: Define, namespace: str) -> None:
    base = define({"type": "object", "properties": {"size": {"type": "integer"}}})
    path = f"{base}/namespaces/{namespace}/things"
    made = server.post(path, {**thing(base, "t", {"size": 1}), "status": {"ready": True}})
    assert made["metadata"]["generation"] == 1
    assert "status" not in made
    body = {"spec": {"size": 5}, "status": {"ready": True}, "metadata": {"labels": {"a": "b"}}}
    status = server.call("PATCH", f"{path}/t/status", body, MERGE).body
    assert (status["spec"], status["status"], status["metadata"]["generation"]) == ({"size": 1}, {"ready": True}, 1)
    assert "labels" not in status["metadata"]
    main = server.call("PATCH", f"{path}/t", {"spec": {"size": 2}, "status": {"ready": False}}, MERGE).body
    assert (main["spec"], main["status"], main["metadata"]["generation"]) == ({"size": 2}, {"ready": True}, 2)
    replaced = server.call("PUT", f"{path}/t", thing(base, "t", {"size": 3}))
    assert "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update" in replaced.body["message"]


def test_finalizers_hold_an_object(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    server.post(path, {"metadata": {"name": "c", "finalizers": ["example.com/held"]}})
    marked = server.call("DELETE", f"{path}/c")
    assert marked.body["metadata"]["deletionTimestamp"]
    assert server.call("DELETE", f"{path}/c").status == 200
    released = server.call("PATCH", f"{path}/c", {"metadata": {"finalizers": None}}, MERGE)
    assert released.status == 200
    assert server.call("GET", f"{path}/c").status == 404


def test_deletion_heeds_preconditions_and_propagation(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = server.post(path, {"metadata": {"name": "c"}})
    refused = server.call("DELETE", f"{path}/c", {"preconditions": {"uid": "other"}})
    assert refused.status == 409
    foreground = server.call("DELETE", f"{path}/c", {"propagationPolicy": "Foreground"})
    assert foreground.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    server.post(path, {"metadata": {"name": "d"}})
    dry = server.call("DELETE", f"{path}/d?dryRun=All")
    assert dry.status == 200
    gone = server.call("DELETE", f"{path}/d")
    assert gone.body["status"] == "Success"
    assert gone.body["details"]["name"] == "d"
    assert made["metadata"]["uid"] != gone.body["details"]["uid"]


def test_collections_are_deleted_by_selector(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        server.post(path, {"metadata": {"name": name, "labels": {"l": label}}})
    assert len(server.call("DELETE", f"{path}?labelSelector=l%3Dx").body["items"]) == 2
    assert [item["metadata"]["name"] for item in server.get(path)["items"]] == ["c"]


def test_bound_pods_stay_for_their_grace(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    server.post(path, POD)
    assert server.call("DELETE", f"{path}/p").status == 200
    assert server.call("GET", f"{path}/p").status == 404
    made = server.post(path, POD)
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    binding = {"target": {"kind": "Node", "name": "n1"}, "metadata": {"name": "p"}}
    assert server.call("POST", f"{path}/p/binding", binding).status == 201
    assert server.call("POST", f"{path}/p/binding", binding).status == 409
    going = server.call("DELETE", f"{path}/p").body
    assert going["metadata"]["deletionGracePeriodSeconds"] == 30
    assert server.get(f"{path}/p")["spec"]["nodeName"] == "n1"
    final = server.call(
        "DELETE", f"{path}/p", {"gracePeriodSeconds": 0, "preconditions": {"uid": made["metadata"]["uid"]}}
    )
    assert final.status == 200
    assert server.call("GET", f"{path}/p").status == 404


def test_pods_are_fixed_once_made(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    server.post(path, POD)
    refused = server.call("PATCH", f"{path}/p", {"spec": {"hostNetwork": True}}, MERGE)
    assert refused.status == 422
    assert "pod updates may not change fields other than" in refused.body["message"]
    empty = server.call("POST", path, {"metadata": {"name": "q"}, "spec": {"containers": []}})
    assert "spec.containers: Required value" in empty.body["message"]


def test_namespaces_terminate(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    made = server.get(path)
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace}
    assert made["spec"]["finalizers"] == ["kubernetes"]
    going = server.call("DELETE", path).body
    assert going["status"]["phase"] == "Terminating"
    refused = server.call("POST", f"{path}/configmaps", {"metadata": {"name": "late"}})
    assert refused.status == 403
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert "because it is being terminated" in refused.body["message"]
    final = {**server.get(path), "spec": {"finalizers": []}}
    assert server.call("PUT", f"{path}/finalize", final).status == 200
    assert server.call("GET", path).status == 404
    missing = server.call("POST", f"{path}/configmaps", {"metadata": {"name": "c"}})
    assert (missing.status, missing.body["message"]) == (404, f'namespaces "{namespace}" not found')


def test_services_get_addresses_and_keep_them(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    made = server.post(path, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    address = made["spec"]["clusterIP"]
    assert made["spec"]["clusterIPs"] == [address]
    assert made["spec"]["ports"] == [{"port": 80, "targetPort": 80, "protocol": "TCP"}]
    headless = server.post(path, {"metadata": {"name": "h"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}})
    assert headless["spec"]["clusterIPs"] == ["None"]
    other = server.post(path, {"metadata": {"name": "o"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}})
    assert other["spec"]["clusterIP"] != address
    changed = server.call("PATCH", f"{path}/s", {"spec": {"clusterIP": "10.96.9.9"}}, MERGE)
    assert "may not change once set" in changed.body["message"]


def test_requests_that_make_no_sense(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert server.call("GET", "/apis/nothing.example/v1/things").status == 404
    assert server.call("POST", path, b"{").status == 400
    assert server.call("POST", path, {"kind": "Secret", "metadata": {"name": "a"}}).status == 400
    assert server.call("POST", path, {"apiVersion": "v2", "metadata": {"name": "a"}}).status == 400
    assert server.call("POST", path, {"metadata": {"name": "a", "namespace": "other"}}).status == 400
    assert server.call("POST", path, {"metadata": {"name": "a", "resourceVersion": "5"}}).status == 400
    assert server.call("POST", path, b"a: b", "text/csv").status == 415
    assert server.call("PATCH", f"{path}/a", {}, "application/what").status == 415
    assert server.call("POST", f"{path}?dryRun=Some", {"metadata": {"name": "a"}}).status == 400
    assert server.call("DELETE", "/api/v1/namespaces").status == 405
    assert server.call("GET", f"{path}?labelSelector=,,").status == 400
    assert server.call("PATCH", f"{path}/a", {"data": {}}, MERGE).status == 404
    assert server.call("POST", path, {"metadata": []}).status == 400
    assert server.call("POST", "/api/v1/configmaps", {"metadata": {"name": "a"}}).status == 405
    assert server.call("GET", "/api/v1/configmaps/a").status == 404
    assert server.call("GET", f"/api/v1/namespaces/{namespace}/nodes").status == 404
    large = server.call("POST", path, {"metadata": {"name": "a"}, "data": {"a": "x" * (4 << 20)}})
    assert (large.status, large.body["reason"]) == (413, "RequestEntityTooLarge")


def test_yaml_bodies_are_read(server: Server, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert server.call("POST", path, b"metadata: {name: y}", "application/yaml").status == 201
