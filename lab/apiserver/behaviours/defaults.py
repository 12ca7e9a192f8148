"""Defaults of built-in kinds, from ``data/defaults.yaml``."""

from __future__ import annotations

import copy
from typing import Any

from lab.apiserver.errors import Object
from lab.apiserver.kinds import data


def fill(resource: str, obj: Object) -> None:
    """Put the resource's defaults in place of absent fields, in place."""
    for path, value in data("defaults").get(resource, {}).items():
        _fill(obj, path.split("."), value)


def _fill(node: Any, path: list[str], value: Any) -> None:
    name, rest = path[0], path[1:]
    if name.endswith("[]"):
        for item in node.get(name[:-2]) or []:
            _fill(item, rest, value)
    elif not rest:
        if node.get(name) is None:
            node[name] = copy.deepcopy(value)
    elif name.endswith("?"):
        if isinstance(inner := node.get(name[:-1]), dict):
            _fill(inner, rest, value)
    else:
        if node.get(name) is None:
            node[name] = {}
        _fill(node[name], rest, value)
