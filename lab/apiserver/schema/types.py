"""JSON types of built-in kinds' fields: what kube-apiserver finds while it decodes a body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.apiserver.errors import Object
from lab.apiserver.schema.structure import child, resolve
from lab.apiserver.schema.values import json_type

_GO_TYPES = {"string": "string", "integer": "int32", "number": "float64", "boolean": "bool"}
_JSON_WORDS = {"boolean": "bool", "integer": "number"}


def type_faults(schema: Object, value: Any, components: Mapping[str, Object], path: str) -> Iterator[str]:
    """One sentence for each value of the wrong JSON type; null stands for an absent field."""
    if value is None:
        return
    schema = resolve(schema, components)
    wanted, found = schema.get("type"), json_type(value)
    if schema.get("x-kubernetes-int-or-string"):
        fits = found in ("integer", "string")
    else:
        # Quantities are strings, and numbers are taken for them.
        is_quantity = wanted == "string" and found in ("integer", "number") and path.rpartition(".")[2] in _QUANTITIES
        fits = not wanted or wanted == found or (wanted == "number" and found == "integer") or is_quantity
    if not fits:
        go_type = _GO_TYPES.get(str(wanted), f"{wanted}")
        word = _JSON_WORDS.get(found, found)
        yield f"json: cannot unmarshal {word} into Go struct field {path} of type {go_type}"
    elif isinstance(value, dict):
        for name, item in value.items():
            inner = child(schema, name, components)
            if inner is not None:
                yield from type_faults(inner, item, components, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from type_faults(schema.get("items") or {}, item, components, path)


_QUANTITIES = frozenset(("cpu", "memory", "storage", "ephemeral-storage", "pods", "sizeLimit", "divisor"))
