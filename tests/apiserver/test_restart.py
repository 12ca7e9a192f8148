"""A server that is started again on the same state has the same objects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.apiserver.journal import Journal
from lab.apiserver.store import Store
from lab.config import LabConfig
from tests.apiserver.conftest import CRDS, Server, definition

OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def test_objects_port_and_credentials_outlive_the_process(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        port = LabConfig.load(tmp_path).api_port
        assert server.url == f"https://127.0.0.1:{port}"
        server.post(CRDS, definition("restart.example", "items", "Item", OPEN))
        item = {"apiVersion": "restart.example/v1", "kind": "Item", "metadata": {"name": "i"}, "spec": {"a": 1}}
        path = "/apis/restart.example/v1/namespaces/default/items"
        made = server.post(path, item)
        server.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "gone"}})
        server.call("DELETE", "/api/v1/namespaces/default/configmaps/gone")
        kubeconfig = server.kubeconfig.read_text()
        server.process.kill()
        server.stop()
        server.start()
        assert server.url == f"https://127.0.0.1:{port}"
        assert server.kubeconfig.read_text() == kubeconfig
        assert server.get(f"{path}/i") == made
        assert server.call("GET", "/api/v1/namespaces/default/configmaps/gone").status == 404
        later = server.post(path, {**item, "metadata": {"name": "j"}})
        assert int(later["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
        old = server.call("GET", f"{path}?watch=true&resourceVersion={made['metadata']['resourceVersion']}")
        assert json.loads(old.raw.splitlines()[0])["object"]["code"] == 410
        assert (tmp_path / "apiserver" / "ready").read_text() == server.url + "\n"
    finally:
        server.stop()
    assert not (tmp_path / "apiserver" / "ready").exists()


def test_the_journal_does_not_grow_for_ever(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    store, journal = Store(), Journal(file, limit=2000)
    journal.restore(store)
    for number in range(200):
        store.put("configmaps", {"metadata": {"name": "c", "namespace": "d"}, "data": {"n": str(number)}})
    journal.close()
    assert file.stat().st_size < 3000
    again = Store()
    restored = Journal(file)
    assert restored.restore(again) == 1
    restored.close()
    assert again.get("configmaps", "d", "c") == store.get("configmaps", "d", "c")
    assert again.revision == store.revision


def test_a_line_cut_off_by_a_kill_is_ignored_and_damage_is_not(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    line = b'[2,"configmaps","d","c",{"metadata":{"name":"c","namespace":"d","resourceVersion":"2"}}]\n'
    file.write_bytes(line + b'[3,"configmaps","d",')
    store = Store()
    journal = Journal(file)
    assert journal.restore(store) == 1
    journal.close()
    assert store.get("configmaps", "d", "c") is not None
    file.write_bytes(b"nonsense\n" + line)
    with pytest.raises(ValueError, match="line 1: not a change"):
        Journal(file).restore(Store())
