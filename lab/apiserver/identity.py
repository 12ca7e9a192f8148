"""The metadata that the server itself gives to objects: names, uids, times, generations."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from lab.apiserver.errors import Object, bad_request, conflict
from lab.apiserver.kinds import Kind

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_LONGEST_GENERATED = 63 - _SUFFIX_LENGTH
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")


def now() -> str:
    """The time as Kubernetes writes it, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def metadata_of(obj: Object) -> Object:
    """The object's metadata, made if there is none; ``ApiError`` 400 if it is no object."""
    metadata = obj.setdefault("metadata", {})
    if metadata is None:
        metadata = obj["metadata"] = {}
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    return metadata


def stamp_new(kind: Kind, obj: Object, namespace: str) -> None:
    """Give a new object its name, uid and times; ``ApiError`` 400 for what a client may not set."""
    metadata = metadata_of(obj)
    if metadata.get("resourceVersion") not in (None, "", "0"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and (prefix := metadata.get("generateName")):
        suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))
        metadata["name"] = prefix[:_LONGEST_GENERATED] + suffix
    for field in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
        metadata.pop(field, None)
    if namespace:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = now()
    if counts_generations(kind):
        metadata["generation"] = 1
    drop_empty(metadata)


def carry_over(kind: Kind, old: Object, new: Object) -> None:
    """Put back what an update may not change in the metadata; 409 if it is about another object of that name."""
    metadata, before = metadata_of(new), old["metadata"]
    if (uid := metadata.get("uid")) and uid != before["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before['uid']}"
        raise conflict(kind.group, kind.plural, before["name"], why)
    for field in (*_KEPT, "generateName"):
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    if counts_generations(kind):
        changed = _content(old) != _content(new)
        metadata["generation"] = before.get("generation", 0) + changed
    drop_empty(metadata)


def counts_generations(kind: Kind) -> bool:
    """Whether objects of the kind carry ``metadata.generation``."""
    return kind.custom or "generation" in kind.traits


def drop_empty(metadata: Object) -> None:
    """Remove null and empty fields, which Kubernetes does not store."""
    for field in [field for field, value in metadata.items() if value in (None, "", {}, [])]:
        del metadata[field]


def _content(obj: Object) -> dict[str, Any]:
    return {field: value for field, value in obj.items() if field not in ("metadata", "status", "apiVersion", "kind")}
