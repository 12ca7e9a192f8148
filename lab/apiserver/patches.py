"""Patches: JSON (RFC 6902), merge (RFC 7386), strategic merge; server-side apply is in ``applying``."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jsonpatch

from lab.apiserver import bodies
from lab.apiserver.errors import ApiError, Object, bad_request
from lab.apiserver.kinds import Kind
from lab.apiserver.schema.service import SchemaService
from lab.apiserver.strategic import StrategicMerge

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

Change = Callable[[Object], Object]


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def media_type_of(content_type: str) -> str:
    """The media type alone, without parameters."""
    return content_type.split(";")[0].strip().lower()


def change_of(media_type: str, kind: Kind, schemas: SchemaService, body: bytes) -> Change:
    """What a patch does to an object; ``ApiError`` 400 for a bad patch, 415 for an unknown type."""
    if media_type == JSON_PATCH:
        return _json_patch(bodies.parse_json(body))
    if media_type == MERGE_PATCH:
        patch = _object(bodies.parse_json(body))
        return lambda obj: _object(merge(obj, patch))
    if media_type == STRATEGIC_PATCH and not kind.custom:
        patch = _object(bodies.parse_json(body))
        strategic = StrategicMerge(schemas.field_schema(kind), schemas.components)
        return lambda obj: strategic.apply(obj, patch)
    supported = [JSON_PATCH, MERGE_PATCH, *([] if kind.custom else [STRATEGIC_PATCH]), APPLY_PATCH]
    raise ApiError(
        415,
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(supported),
    )


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise bad_request("a patch must be a JSON object")
    return value


def _json_patch(operations: Any) -> Change:
    try:
        patch = jsonpatch.JsonPatch(operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, AttributeError) as error:
        raise bad_request(f"error decoding JSON patch: {error}") from error

    def change(obj: Object) -> Object:
        try:
            return _object(patch.apply(obj))
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
            # What kube-apiserver answers when a test fails or a path is missing.
            raise ApiError(422, f"the server rejected our request due to an error in our request: {error}") from error

    return change
