"""Watches at the level of HTTP: revisions, bookmarks, selectors, ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3

from tests.apiserver.conftest import PATIENCE, Server

MERGE = "application/merge-patch+json"


@contextmanager
def watching(server: Server, path: str, **query: str) -> Iterator[Iterator[Any]]:
    """Events of a watch, as they come."""
    fields = {"watch": "true", **query}
    answer = server.pool.request(
        "GET", server.url + path, fields=fields, preload_content=False, timeout=urllib3.Timeout(PATIENCE)
    )
    assert answer.status == 200

    def events() -> Iterator[Any]:
        rest = b""
        for chunk in answer.stream(65536, decode_content=False):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (json.loads(line) for line in lines)

    try:
        yield events()
    finally:
        answer.close()


def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


def summary(event: Any) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]


def test_starts_with_what_exists_when_no_revision_is_given(server: Server, namespace: str) -> None:
    server.post(maps(namespace), config_map("a"))
    with watching(server, maps(namespace)) as events:
        assert summary(next(events)) == ("ADDED", "a")
        server.post(maps(namespace), config_map("b"))
        assert summary(next(events)) == ("ADDED", "b")


def test_resumes_without_loss_or_repetition(server: Server, namespace: str) -> None:
    first = server.post(maps(namespace), config_map("a"))
    server.post(maps(namespace), config_map("b"))
    with watching(server, maps(namespace), resourceVersion=first["metadata"]["resourceVersion"]) as events:
        assert summary(next(events)) == ("ADDED", "b")
        server.call("DELETE", f"{maps(namespace)}/a")
        deleted = next(events)
        assert summary(deleted) == ("DELETED", "a")
        assert int(deleted["object"]["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])


def test_selectors_turn_changes_into_arrivals_and_departures(server: Server, namespace: str) -> None:
    since = server.get(maps(namespace))["metadata"]["resourceVersion"]
    server.post(maps(namespace), config_map("a", side="left"))
    path = f"{maps(namespace)}/a"
    with watching(server, maps(namespace), resourceVersion=since, labelSelector="side=right") as events:
        server.call("PATCH", path, {"metadata": {"labels": {"side": "right"}}}, MERGE)
        assert summary(next(events)) == ("ADDED", "a")
        server.call("PATCH", path, {"data": {"x": "1"}}, MERGE)
        assert summary(next(events)) == ("MODIFIED", "a")
        server.call("PATCH", path, {"metadata": {"labels": {"side": None}}}, MERGE)
        gone = next(events)
        assert summary(gone) == ("DELETED", "a")
        assert gone["object"]["metadata"]["labels"] == {"side": "right"}


def test_field_selectors_narrow_a_watch(server: Server, namespace: str) -> None:
    with watching(server, maps(namespace), fieldSelector="metadata.name=b") as events:
        server.post(maps(namespace), config_map("a"))
        server.post(maps(namespace), config_map("b"))
        assert summary(next(events)) == ("ADDED", "b")
    assert server.call("GET", maps(namespace) + "?fieldSelector=data.x=1").status == 400


def test_initial_events_end_with_a_bookmark(server: Server, namespace: str) -> None:
    server.post(maps(namespace), config_map("a"))
    options = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
    with watching(server, maps(namespace), **options) as events:
        assert summary(next(events)) == ("ADDED", "a")
        mark = next(events)
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        server.post(maps(namespace), config_map("b"))
        assert summary(next(events)) == ("ADDED", "b")


def test_history_that_was_compacted_is_gone(server: Server, namespace: str) -> None:
    since = server.post(maps(namespace), config_map("a"))["metadata"]["resourceVersion"]
    server.post(maps(namespace), config_map("b"))
    page = server.get(maps(namespace) + "?limit=1")
    server.call("POST", "/lab/compact")
    with watching(server, maps(namespace), resourceVersion=since) as events:
        error = next(events)
    assert (error["type"], error["object"]["code"], error["object"]["reason"]) == ("ERROR", 410, "Expired")
    server.post(maps(namespace), config_map("c"))
    server.call("POST", "/lab/compact")
    stale = server.call("GET", maps(namespace) + f"?limit=1&continue={page['metadata']['continue']}")
    assert (stale.status, stale.body["reason"]) == (410, "Expired")


def test_a_watch_ends_after_its_timeout(server: Server, namespace: str) -> None:
    with watching(server, maps(namespace), timeoutSeconds="1") as events:
        assert list(events) == []


def test_revisions_ahead_are_refused(server: Server, namespace: str) -> None:
    answer = server.call("GET", maps(namespace) + "?watch=true&resourceVersion=999999999")
    assert answer.status == 504
    assert "Too large resource version" in answer.body["message"]


def test_tables_and_bare_metadata_can_be_watched(server: Server, namespace: str) -> None:
    server.post(maps(namespace), config_map("a"))
    for accept, kind in (
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "Table"),
        ("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "PartialObjectMetadata"),
    ):
        answer = server.call("GET", maps(namespace) + "?watch=true&timeoutSeconds=1", Accept=accept)
        assert json.loads(answer.raw.splitlines()[0])["object"]["kind"] == kind


def test_lists_come_in_pages(server: Server, namespace: str) -> None:
    for name in "abcde":
        server.post(maps(namespace), config_map(name))
    names: list[str] = []
    token = ""
    while True:
        page = server.get(maps(namespace) + f"?limit=2&continue={token}")
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] == 5 - len(names)
    assert names == list("abcde")
