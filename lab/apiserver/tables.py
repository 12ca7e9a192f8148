"""Tables, as ``kubectl get`` shows them; columns are data (``columns.yaml``, a CRD's additionalPrinterColumns)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from lab.apiserver import cells
from lab.apiserver.errors import Object
from lab.apiserver.jsonpath import compile_path
from lab.apiserver.kinds import Kind, data

Cell = Callable[[Object], Any]

NAME_COLUMN: Object = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}
AGE: Object = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def columns_of(kind: Kind) -> Sequence[Object]:
    """The columns of a kind after its name."""
    if kind.columns is not None:
        return kind.columns
    columns: list[Object] = data("columns").get(kind.resource, [AGE])
    return columns


def table(kind: Kind, objects: Sequence[Object], metadata: Object, include_object: str) -> Object:
    """A ``meta.k8s.io/v1`` Table of these objects."""
    columns = columns_of(kind)
    makers = [_cell(column) for column in columns]
    rows = [
        {
            "cells": [obj["metadata"]["name"], *(make(obj) for make in makers)],
            "object": _row_object(kind, obj, include_object),
        }
        for obj in objects
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [NAME_COLUMN, *(_definition(column) for column in columns)],
        "rows": rows,
    }


def _definition(column: Object) -> Object:
    shown_type = "string" if column.get("type") == "date" else column.get("type", "string")
    return {
        "name": column["name"],
        "type": shown_type,
        "format": column.get("format", ""),
        "description": column.get("description", ""),
        "priority": column.get("priority", 0),
    }


def _row_object(kind: Kind, obj: Object, include: str) -> Object | None:
    if include == "None":
        return None
    if include == "Object":
        return kind.read(obj)
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _cell(column: Object) -> Cell:
    if formatter := column.get("formatter"):
        return cells.FORMATTERS[formatter]
    find = compile_path(column["jsonPath"])
    if column.get("type") == "date":
        return lambda obj: age(next(iter(find(obj)), None))
    empty = column.get("empty", None if kind_is_numeric(column) else "")
    lengths = column.get("count", False)

    def cell(obj: Object) -> Any:
        found = find(obj)
        if lengths:
            return len(found[0]) if found else 0
        if not found or found[0] is None:
            return empty
        if len(found) > 1:
            return ",".join(str(value) for value in found)
        value = found[0]
        return value if isinstance(value, (str, int, float)) else cells.compact(value)

    return cell


def kind_is_numeric(column: Object) -> bool:
    """Whether the column holds numbers."""
    return column.get("type") in ("integer", "number")


def age(timestamp: Any) -> str:
    """Time since ``timestamp`` in kubectl's short form: 5s, 3m2s, 4h, 2d."""
    if not isinstance(timestamp, str):
        return "<unknown>"
    try:
        then = datetime.fromisoformat(timestamp)
    except ValueError:
        return "<invalid>"
    return cells.duration((datetime.now(UTC) - then).total_seconds())
