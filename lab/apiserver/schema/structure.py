"""Structure of objects by their schema: unknown fields, nulls, defaults.

A schema here is OpenAPI v3 as CRDs use it, or the components of built-in kinds with ``$ref`` between them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from lab.apiserver.errors import Object

PRESERVE = "x-kubernetes-preserve-unknown-fields"
EMBEDDED = "x-kubernetes-embedded-resource"
_OBJECT_FIELDS = ("apiVersion", "kind", "metadata")
METADATA = "V1ObjectMeta"


def resolve(schema: Object, components: Mapping[str, Object]) -> Object:
    """The schema that a ``$ref`` names, or the schema itself."""
    while ref := schema.get("$ref"):
        schema = components.get(ref, {})
    return schema


def child(schema: Object, name: str, components: Mapping[str, Object]) -> Object | None:
    """The schema of a field, None if the schema does not know it."""
    properties = schema.get("properties") or {}
    if name in properties:
        return resolve(properties[name], components)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return resolve(extra, components)
    return {} if extra is True else None


def _is_open(schema: Object) -> bool:
    return bool(schema.get(PRESERVE)) or not (
        schema.get("properties") or schema.get("type") or "additionalProperties" in schema
    )


def prune(
    schema: Object, value: Any, components: Mapping[str, Object], path: str = "", root: bool = True
) -> Iterator[str]:
    """Remove unknown fields in place; yields the path of each."""
    if isinstance(value, list):
        items = resolve(schema.get("items") or {}, components)
        for index, item in enumerate(value):
            yield from prune(items, item, components, f"{path}[{index}]", root=False)
        return
    if not isinstance(value, dict):
        return
    embedded = root or schema.get(EMBEDDED)
    for name in list(value):
        where = f"{path}.{name}" if path else name
        if embedded and name in _OBJECT_FIELDS:
            if name == "metadata":
                yield from prune(components.get(METADATA, {}), value[name], components, where, root=False)
            continue
        inner = child(schema, name, components)
        if inner is not None:
            yield from prune(inner, value[name], components, where, root=False)
        elif not _is_open(schema):
            del value[name]
            yield where


def drop_nulls(schema: Object, value: Any) -> None:
    """Remove nulls of fields that may not be null, in place, as Kubernetes does before it fills in defaults."""
    if isinstance(value, list):
        for item in value:
            drop_nulls(schema.get("items") or {}, item)
    elif isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name in list(value):
            inner = properties.get(name) or _extra(schema)
            if value[name] is None and name in properties and not inner.get("nullable") and not _is_open(inner):
                del value[name]
            else:
                drop_nulls(inner, value[name])


def fill_defaults(schema: Object, value: Any) -> None:
    """Put defaults in place of absent fields, in place."""
    if isinstance(value, list):
        for item in value:
            fill_defaults(schema.get("items") or {}, item)
    elif isinstance(value, dict):
        for name, inner in (schema.get("properties") or {}).items():
            if "default" in inner and name not in value:
                value[name] = copy.deepcopy(inner["default"])
        for name, item in value.items():
            fill_defaults((schema.get("properties") or {}).get(name) or _extra(schema), item)


def _extra(schema: Object) -> Object:
    extra = schema.get("additionalProperties")
    return extra if isinstance(extra, dict) else {}
