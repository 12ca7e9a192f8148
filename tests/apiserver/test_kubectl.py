"""kubectl, as its users type it."""

from __future__ import annotations

import json
import subprocess

from tests.apiserver.conftest import Kubectl, Server, definition

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "labels": {"app": "a"}},
    "spec": {"containers": [{"name": "main", "image": "one", "env": [{"name": "A", "value": "1"}]}]},
}


def test_create_sends_protobuf_and_is_understood(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=a=b")
    kubectl("create", "secret", "generic", "s", "-n", namespace, "--from-literal=a=b")
    kubectl("create", "service", "clusterip", "svc", "-n", namespace, "--tcp=80:8080")
    kubectl("create", "serviceaccount", "sa", "-n", namespace)
    kubectl("create", "deployment", "d", "-n", namespace, "--image=x", "--replicas=2")
    assert kubectl("get", "configmap", "c", "-n", namespace, "-o", "jsonpath={.data.a}") == "b"
    assert kubectl("get", "secret", "s", "-n", namespace, "-o", "jsonpath={.data.a}") == "Yg=="
    service = json.loads(kubectl("get", "service", "svc", "-n", namespace, "-o", "json"))
    assert service["spec"]["ports"] == [{"name": "80-8080", "port": 80, "protocol": "TCP", "targetPort": 8080}]
    assert service["spec"]["clusterIP"].startswith("10.96.")
    deployment = json.loads(kubectl("get", "deployment", "d", "-n", namespace, "-o", "json"))
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "x"


def test_protobuf_of_other_kinds_is_refused_clearly(kubectl: Kubectl, namespace: str) -> None:
    error = kubectl.refused("create", "quota", "q", "-n", namespace, "--hard=pods=1")
    assert "ResourceQuota (v1) cannot be read as protobuf here; send it as application/json" in error


def test_get_shows_tables(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(POD, namespace=namespace)
    header, row = kubectl("get", "pods", "-n", namespace, "-o", "wide").splitlines()
    assert header.split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row.split()[:4] == ["p", "0/1", "Pending", "0"]
    assert "<none>" in row
    labelled = kubectl("get", "pods", "-n", namespace, "-l", "app=a", "--show-labels", "--no-headers")
    assert labelled.split()[-1] == "app=a"
    assert kubectl("get", "pods", "-n", namespace, "-l", "app!=a", "--no-headers") == ""
    assert (
        kubectl("get", "pods", "-n", namespace, "--field-selector", "status.phase=Pending", "-o", "name") == "pod/p\n"
    )


def test_apply_is_idempotent_and_merges_lists_by_key(kubectl: Kubectl, server: Server, namespace: str) -> None:
    assert "created" in kubectl.apply(POD, namespace=namespace)
    assert "unchanged" in kubectl.apply(POD, namespace=namespace)
    container = {"name": "main", "image": "two", "env": [{"name": "A", "value": "1"}]}
    assert "configured" in kubectl.apply({**POD, "spec": {"containers": [container]}}, namespace=namespace)
    stored = server.get(f"/api/v1/namespaces/{namespace}/pods/p")
    assert stored["spec"]["containers"][0]["image"] == "two"
    assert stored["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_validation_names_unknown_fields(kubectl: Kubectl, namespace: str) -> None:
    broken = {**POD, "spec": {"containers": [{"name": "main", "image": "x", "imagee": "y"}]}}
    stdin = json.dumps(broken)
    error = kubectl.refused("apply", "--validate=true", "-n", namespace, "-f", "-", stdin=stdin)
    assert 'strict decoding error: unknown field "spec.containers[0].imagee"' in error
    warned = kubectl.run("apply", "--validate=warn", "-n", namespace, "-f", "-", stdin=stdin)
    assert warned.status == 0
    assert 'unknown field "spec.containers[0].imagee"' in warned.err


def test_wrong_types_are_refused(kubectl: Kubectl, namespace: str) -> None:
    broken = {**POD, "spec": {**POD["spec"], "terminationGracePeriodSeconds": "soon"}}
    error = kubectl.refused("create", "-n", namespace, "-f", "-", stdin=json.dumps(broken))
    assert "cannot unmarshal string into Go struct field" in error


def test_dry_run_stores_nothing(kubectl: Kubectl, namespace: str) -> None:
    stdin = json.dumps(POD)
    assert "server dry run" in kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", stdin=stdin)
    assert "NotFound" in kubectl.refused("get", "pod", "p", "-n", namespace)


def test_label_annotate_patch_edit(kubectl: Kubectl, server: Server, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=a=1", "--from-literal=b=2")
    kubectl("label", "configmap", "c", "-n", namespace, "x=y")
    kubectl("annotate", "configmap", "c", "-n", namespace, "note=here")
    kubectl("patch", "configmap", "c", "-n", namespace, "--type=json", "-p", '[{"op":"remove","path":"/data/b"}]')
    kubectl("patch", "configmap", "c", "-n", namespace, "--type=merge", "-p", '{"data":{"c":"3"}}')
    kubectl("patch", "configmap", "c", "-n", namespace, "--type=strategic", "-p", '{"data":{"d":"4"}}')
    kubectl("label", "configmap", "c", "-n", namespace, "x-")
    stored = server.get(f"/api/v1/namespaces/{namespace}/configmaps/c")
    assert stored["data"] == {"a": "1", "c": "3", "d": "4"}
    assert stored["metadata"]["annotations"] == {"note": "here"}
    assert "labels" not in stored["metadata"]
    edited = subprocess.run(
        kubectl.arguments(["edit", "configmap", "c", "-n", namespace]),
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "KUBE_EDITOR": 'sed -i "s/a: \\"1\\"/a: \\"9\\"/"'},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "edited" in edited.stdout
    assert server.get(f"/api/v1/namespaces/{namespace}/configmaps/c")["data"]["a"] == "9"


def test_custom_kinds_look_like_any_other(kubectl: Kubectl, server: Server, namespace: str) -> None:
    columns = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "how big"}]
    spec = {"type": "object", "properties": {"size": {"type": "integer", "description": "How big it is."}}}
    names = {"shortNames": ["gdt"], "categories": ["gadgetry"]}
    made = definition("kubectl.example", "gadgets", "Gadget", spec, additionalPrinterColumns=columns, names=names)
    kubectl("create", "-f", "-", stdin=json.dumps(made))
    kubectl("wait", "--for=condition=Established", "crd/gadgets.kubectl.example", "--timeout=10s")
    gadget = {"apiVersion": "kubectl.example/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": 3}}
    kubectl.apply(gadget, namespace=namespace)
    assert kubectl("get", "gdt", "-n", namespace).splitlines()[1].split() == ["g", "3"]
    assert "gadget.kubectl.example/g" in kubectl("get", "gadgetry", "-n", namespace, "-o", "name")
    assert "How big it is." in kubectl("explain", "gadget.spec.size")
    assert "gadgets" in kubectl("api-resources", "--api-group=kubectl.example")
    assert "Spec:" in kubectl("describe", "gadget", "g", "-n", namespace)
    kubectl("delete", "crd", "gadgets.kubectl.example")
    assert server.call("GET", "/apis/kubectl.example/v1").status == 404


def test_explain_api_resources_versions_events(kubectl: Kubectl, namespace: str) -> None:
    assert "FIELD: image <string>" in kubectl("explain", "pod.spec.containers.image")
    assert "deployments" in kubectl("api-resources", "-o", "name")
    assert "apps/v1" in kubectl("api-versions")
    assert "No events found" in kubectl.run("events", "-n", namespace).err
    assert json.loads(kubectl("get", "--raw", "/version"))["minor"] == "32"


def test_wait_sees_conditions_values_and_deletion(kubectl: Kubectl, server: Server, namespace: str) -> None:
    kubectl.apply(POD, namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/pods/p"
    waiting = [
        subprocess.Popen(kubectl.arguments(["wait", "pod/p", "-n", namespace, "--timeout=50s", condition]))
        for condition in ("--for=condition=Ready", "--for=jsonpath={.status.phase}=Running", "--for=delete")
    ]
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    merge = "application/merge-patch+json"
    assert server.call("PATCH", f"{path}/status", {"status": status}, merge).status == 200
    assert [process.wait(50) for process in waiting[:2]] == [0, 0]
    assert server.call("DELETE", path).status == 200
    assert waiting[2].wait(50) == 0


def test_watch_prints_changes(kubectl: Kubectl, server: Server, namespace: str) -> None:
    kubectl("create", "configmap", "c", "-n", namespace)
    watch = subprocess.Popen(
        kubectl.arguments(["get", "configmaps", "-n", namespace, "-w", "--no-headers"]),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watch.stdout is not None
    try:
        assert watch.stdout.readline().split()[:2] == ["c", "0"]
        path = f"/api/v1/namespaces/{namespace}/configmaps/c"
        server.call("PATCH", path, {"data": {"a": "1"}}, "application/merge-patch+json")
        assert watch.stdout.readline().split()[:2] == ["c", "1"]
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()


def test_scale_and_expose(kubectl: Kubectl, server: Server, namespace: str) -> None:
    kubectl("create", "deployment", "d", "-n", namespace, "--image=x")
    kubectl("scale", "deployment", "d", "-n", namespace, "--replicas=3")
    assert server.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/d")["spec"]["replicas"] == 3
    kubectl("expose", "deployment", "d", "-n", namespace, "--port=80", "--type=NodePort")
    port = server.get(f"/api/v1/namespaces/{namespace}/services/d")["spec"]["ports"][0]
    assert 30000 <= port["nodePort"] <= 32767


def test_server_side_apply(kubectl: Kubectl, namespace: str) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    words = ["apply", "--server-side", "-n", namespace, "-f", "-"]
    kubectl(*words, "--field-manager=one", stdin=json.dumps(config))
    other = json.dumps({**config, "data": {"a": "2"}})
    error = kubectl.refused(*words, "--field-manager=two", stdin=other)
    assert 'conflict with "one" using v1: .data.a' in error
    kubectl(*words, "--field-manager=two", "--force-conflicts", stdin=other)
    assert kubectl("get", "configmap", "c", "-n", namespace, "-o", "jsonpath={.data.a}") == "2"
