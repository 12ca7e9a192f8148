"""Requests: their errors in one line, and which of them are tried again."""

from __future__ import annotations

import socket
import threading

import pytest

from conformance.kube.api import Api
from conformance.kube.errors import AlreadyExists, Conflict, NotFound, Refused, Unreachable
from conformance.kube.manifests import namespace
from conformance.kube.resources import NAMESPACES, PODS, VMS
from conformance.kube.transport import KubeconfigError
from conformance.timeouts import Timeouts
from tests.kube.small_api import refuse, reset

POD_PATH = "/api/v1/namespaces/ns/pods"


def pod(name="a", run="r1"):
    labels = {"udn-conformance/run": run} if run else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "ns", "labels": labels}}


def test_objects_are_created_read_listed_changed_and_deleted(api):
    api.create(pod())
    assert api.get(PODS, "a", "ns")["metadata"]["name"] == "a"
    assert [item["metadata"]["name"] for item in api.list(PODS, "ns")] == ["a"]
    assert api.list(PODS, "ns", fields="metadata.name=b") == []
    assert api.patch(PODS, "a", "ns", {"spec": {"x": 1}})["contentType"] == "application/merge-patch+json"
    api.delete(PODS, "a", "ns")
    api.delete(PODS, "a", "ns")
    assert api.find(PODS, "a", "ns") is None
    with pytest.raises(NotFound):
        api.delete(PODS, "a", "ns", missing_ok=False)


def test_long_lists_come_in_pages(api, server, monkeypatch):
    monkeypatch.setattr("conformance.kube.api.PAGE", 3)
    for number in range(10):
        server.put(POD_PATH, pod(f"p{number}"))
    assert len(api.list(PODS, "ns")) == 10
    assert server.requests.count(("GET", POD_PATH)) == 4


def test_a_dry_run_stores_nothing(api):
    api.create(pod(), dry_run=True)
    assert api.find(PODS, "a", "ns") is None


def test_a_refusal_is_one_line_with_verb_kind_and_name(api, server):
    server.plant("POST", refuse(422, "Invalid"))
    with pytest.raises(Refused) as caught:
        api.create(pod())
    assert str(caught.value) == "create Pod ns/a: 422 Invalid: planted"
    assert caught.value.causes[0]["field"] == "spec.mtu"
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")


def test_kinds_of_refusals(api, server):
    with pytest.raises(NotFound, match="get Pod ns/none: 404 NotFound: "):
        api.get(PODS, "none", "ns")
    api.create(pod())
    with pytest.raises(AlreadyExists, match="create Pod ns/a: 409 AlreadyExists"):
        api.create(pod())
    server.plant("PATCH", refuse(409, "Conflict"))
    with pytest.raises(Conflict, match="patch Pod ns/a: 409 Conflict"):
        api.patch(PODS, "a", "ns", {})


@pytest.mark.parametrize("fault", [refuse(500), refuse(503), refuse(429), reset()], ids=["500", "503", "429", "reset"])
def test_reads_are_tried_again(api, server, fault):
    api.create(pod())
    server.plant("GET", fault, times=2)
    assert api.get(PODS, "a", "ns")["metadata"]["name"] == "a"


def test_reads_are_not_tried_for_ever(server):
    limits = Timeouts.load(overrides={"api-retry": 0.3})
    api = Api.connect(server.kubeconfig, timeouts=limits)
    api.raw("/version")
    server.plant("GET", refuse(503), times=100)
    with pytest.raises(Refused, match="get VirtualMachine ns/vm: 503"):
        api.get(VMS, "vm", "ns")


def test_retry_after_is_heeded(api, server):
    server.plant("POST", refuse(429, "TooManyRequests", {"Retry-After": "1"}))
    api.create(pod(run=None))
    assert [kind for kind, _ in server.requests].count("POST") == 2


@pytest.mark.parametrize(("code", "run"), [(422, "r"), (500, None)])
def test_refusals_and_what_cannot_be_told_apart_are_not_tried_again(api, server, code, run):
    server.plant("POST", refuse(code), times=2)
    with pytest.raises(Refused, match=str(code)):
        api.create(pod(run=run))
    assert [kind for kind, _ in server.requests].count("POST") == 1


def test_a_creation_that_met_a_bad_moment_is_repeated(api, server):
    server.plant("POST", refuse(500), times=2)
    assert api.create(pod())["metadata"]["name"] == "a"


def test_what_was_carried_out_counts_however_the_repetition_is_refused(api, server):
    server.plant("POST", reset(after=True))
    server.plant("POST", refuse(400, "BadRequest"))
    assert api.create(pod())["metadata"]["name"] == "a"


def test_a_creation_that_was_cut_off_after_it_was_carried_out_counts_once(api, server):
    server.plant("POST", reset(after=True))
    assert api.create(pod())["metadata"]["name"] == "a"
    assert len(api.list(PODS, "ns")) == 1


def test_a_creation_that_was_cut_off_before_is_repeated(api, server):
    server.plant("POST", reset())
    assert api.create(pod())["metadata"]["name"] == "a"


def test_an_object_of_another_run_is_not_taken_for_ours(api, server):
    server.put(POD_PATH, pod(run="another"))
    server.plant("POST", reset())
    with pytest.raises(AlreadyExists):
        api.create(pod())


def test_an_unlabelled_creation_is_never_repeated_blindly(api, server):
    server.plant("POST", reset())
    with pytest.raises(Unreachable, match="create Pod ns/a: no answer from http://127"):
        api.create(pod(run=None))
    assert [kind for kind, _ in server.requests].count("POST") == 1


def test_a_deletion_that_was_cut_off_is_repeated(api, server):
    api.create(pod())
    server.plant("DELETE", reset(after=True))
    api.delete(PODS, "a", "ns", missing_ok=False)
    assert api.find(PODS, "a", "ns") is None


def test_a_server_that_was_never_there_is_told_at_once(tmp_path, server):
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    text = server.kubeconfig.read_text().replace(f":{server.port}", f":{port}")
    (tmp_path / "nowhere").write_text(text)
    api = Api.connect(tmp_path / "nowhere")
    with pytest.raises(Unreachable) as caught:
        api.list(NAMESPACES)
    assert f"list Namespace: no answer from http://127.0.0.1:{port}: " in str(caught.value)
    assert "refused" in str(caught.value)
    assert "0x" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        ("", "kubeconfig"),
        ("{not yaml", "kubeconfig"),
        ("kind: Config\n", "kubeconfig"),
        ("[1, 2]\n", "kubeconfig"),
    ],
    ids=["missing", "empty", "no-yaml", "no-context", "list"],
)
def test_a_kubeconfig_that_cannot_be_used_is_told_in_one_line(tmp_path, content, says):
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    with pytest.raises(KubeconfigError, match=says) as caught:
        Api.connect(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_context_is_told(server):
    with pytest.raises(KubeconfigError, match="elsewhere"):
        Api.connect(server.kubeconfig, "elsewhere")


def test_many_threads_use_one_client(api):
    api.create(namespace("ns", "r1"))
    errors = []

    def work(number):
        try:
            for turn in range(5):
                api.create(pod(f"p-{number}-{turn}"))
                api.get(PODS, f"p-{number}-{turn}", "ns")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(api.list(PODS, "ns")) == 40


def test_the_token_is_sent_and_never_told(api, server):
    server.plant("GET", refuse(403, "Forbidden"))
    with pytest.raises(Refused) as caught:
        api.get(PODS, "a", "ns")
    assert "a-token" not in str(caught.value)
