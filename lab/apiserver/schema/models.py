"""Derives the schemas of built-in kinds from the models of the official Python client, into a file.

``python -m lab.apiserver.schema.models FILE`` writes ``components`` and ``kinds`` (components by group/version/kind).
The models tell types, JSON names and descriptions; merge keys come from ``data/merge_keys.yaml``. Importing the
models takes seconds, so the server reads the file and never the models.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import orjson

from lab.apiserver.errors import Object
from lab.apiserver.kinds import builtin_kinds, data

_PLAIN: dict[str, Object] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "object": {"x-kubernetes-preserve-unknown-fields": True},
}
_LIST = re.compile(r"list\[(.+)\]$", re.IGNORECASE)
_MAP = re.compile(r"dict[\[(]str, ?(.+)[\])]$", re.IGNORECASE)


def schema_of_type(text: str) -> Object:
    """The schema of a type as the models spell it: ``str``, ``List[V1Container]``, ``dict(str, str)``."""
    if text in _PLAIN:
        return dict(_PLAIN[text])
    if found := _LIST.match(text):
        return {"type": "array", "items": schema_of_type(found[1])}
    if found := _MAP.match(text):
        return {"type": "object", "additionalProperties": schema_of_type(found[1])}
    return {"$ref": text}


def _description(model: Any, attribute: str) -> str:
    fields = getattr(model, "model_fields", {})
    if attribute in fields:
        return str(fields[attribute].description or "")
    text = str(getattr(model, attribute).__doc__ or "")
    body = text.partition("# noqa: E501")[2].partition(":return:")[0]
    return body.replace("# noqa: E501", "").strip()


def _is_number_or_name(model: Any, attribute: str) -> bool:
    fields = getattr(model, "model_fields", {})
    return (
        attribute in fields
        and "int" in str(fields[attribute].annotation)
        and "str" in str(fields[attribute].annotation)
    )


def schema_of_model(name: str, model: Any) -> Object:
    """The schema of one model."""
    merge_keys: Object = data("merge_keys")
    properties: Object = {}
    for attribute, json_name in model.attribute_map.items():
        schema = schema_of_type(model.openapi_types[attribute])
        if model.openapi_types[attribute] == "object" and _is_number_or_name(model, attribute):
            schema = {"x-kubernetes-int-or-string": True}
        if description := _description(model, attribute):
            schema["description"] = description
        schema |= _merging(merge_keys.get(f"{name}.{json_name}"))
        properties[json_name] = schema
    return {"type": "object", "properties": properties, "description": str(model.__doc__ or "").strip().split("\n")[0]}


def _merging(entry: Object | None) -> Object:
    if entry is None:
        return {}
    if entry.get("set"):
        return {"x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge"}
    keys = entry["key"] if isinstance(entry["key"], list) else [entry["key"]]
    return {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": keys,
        "x-kubernetes-patch-merge-key": entry.get("patch", keys[0]),
        "x-kubernetes-patch-strategy": "merge",
    }


def derive() -> Object:
    """Schemas of all built-in kinds and of everything they refer to."""
    models = importlib.import_module("kubernetes.client.models")
    roots = {
        f"{kind.group}/{kind.version}/{kind.kind}": kind.model or f"V1{kind.kind}" for kind in builtin_kinds()
    } | dict(data("extra_models"))
    components: dict[str, Object] = {}
    waiting = list(roots.values())
    while waiting:
        name = waiting.pop()
        if name in components:
            continue
        components[name] = schema_of_model(name, getattr(models, name))
        waiting += re.findall(r'"\$ref":"(\w+)"', orjson.dumps(components[name]).decode())
    return {"components": components, "kinds": roots}


def main(file: Path) -> None:
    """Write the schemas, whole or not at all."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    draft.write_bytes(orjson.dumps(derive()))
    draft.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
