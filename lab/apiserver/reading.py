"""Get and list."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import orjson

from lab.apiserver.calls import Call
from lab.apiserver.errors import ApiError, Object, bad_request, gone, not_found
from lab.apiserver.selectors import Predicate, both, field_predicate, label_predicate
from lab.apiserver.store import Store


@dataclass(frozen=True)
class Page:
    """Objects of a list, and the list's metadata."""

    objects: list[Object]
    metadata: Object


def selection(call: Call) -> Predicate | None:
    """What the selectors of a request let through, its object's name among them; None: everything."""
    labels = label_predicate(call.query.get("labelSelector", ""))
    fields = field_predicate(call.query.get("fieldSelector", ""), call.kind.selectable)
    if name := call.target.name:
        named: Predicate = lambda obj: obj["metadata"]["name"] == name  # noqa: E731
        fields = both(fields, named)
    return both(labels, fields)


def requested_revision(call: Call, store: Store) -> int:
    """``resourceVersion`` of a list or watch (0: any); 400 if it is no number, 504 if it lies ahead."""
    text = call.query.get("resourceVersion", "")
    if not text.isdigit() and text:
        raise bad_request(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    revision = int(text or 0)
    if revision > store.revision:
        details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
        message = f"Too large resource version: {revision}, current: {store.revision}"
        raise ApiError(504, message, "Timeout", {**details, "retryAfterSeconds": 1})
    return revision


class Reader:
    """Answers get and list from the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, call: Call) -> Object:
        """The object; ``ApiError`` 404 if there is none."""
        kind = call.kind
        found = self._store.get(kind.resource, call.namespace, call.target.name)
        if found is None:
            raise not_found(kind.group, kind.plural, call.target.name)
        return found

    def list(self, call: Call) -> Page:
        """One page of a list, or the whole of it if there is no ``limit``."""
        requested_revision(call, self._store)
        wanted = selection(call)
        objects = self._store.list(call.kind.resource, call.namespace)
        if wanted is not None:
            objects = [obj for obj in objects if wanted(obj)]
        metadata: Object = {"resourceVersion": str(self._store.revision)}
        if token := call.query.get("continue"):
            revision, after = self._decode(token)
            metadata["resourceVersion"] = str(revision)
            objects = [obj for obj in objects if _key(obj) > after]
        limit = call.number("limit") or 0
        if 0 < limit < len(objects):
            rest = len(objects) - limit
            objects = objects[:limit]
            metadata["continue"] = _encode(int(metadata["resourceVersion"]), _key(objects[-1]))
            if wanted is None:
                metadata["remainingItemCount"] = rest
        return Page(objects, metadata)

    def _decode(self, token: str) -> tuple[int, tuple[str, str]]:
        try:
            revision, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        except ValueError as error:
            raise bad_request(f"continue key is not valid: {error}") from error
        if revision < self._store.floor:
            raise gone(
                "The provided continue parameter is too old to display a consistent list result. "
                "You must start a new list without the continue parameter."
            )
        return revision, (namespace, name)


def _key(obj: Object) -> tuple[str, str]:
    return (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def _encode(revision: int, key: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([revision, *key])).decode()
