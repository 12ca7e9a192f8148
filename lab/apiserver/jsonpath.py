"""JSONPath as printer columns use it: ``.a.b``, ``[0]``, ``[*]``, ``[?(@.type=="Ready")].status``, quoted keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

Step = Callable[[list[Any]], list[Any]]

_TOKEN = re.compile(
    r"""
      \.?\[\?\(\s*@\.(?P<filter_key>[\w.\-/]+)\s*==\s*['"]?(?P<filter_value>[^'")]*?)['"]?\s*\)\]
    | \.?\[['"](?P<quoted>[^'"]+)['"]\]
    | \.?\[(?P<index>-?\d+)\]
    | \.?\[?(?P<all>\*)\]?
    | \.(?P<key>(?:\\.|[^.\[\]\\])+)
    """,
    re.VERBOSE,
)


def _key(name: str) -> Step:
    return lambda values: [value[name] for value in values if isinstance(value, dict) and name in value]


def _index(number: int) -> Step:
    return lambda values: [v[number] for v in values if isinstance(v, list) and -len(v) <= number < len(v)]


def _every(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found += value if isinstance(value, list) else value.values() if isinstance(value, dict) else []
    return found


def _where(path: str, wanted: str) -> Step:
    inner = compile_path("." + path)

    def step(values: list[Any]) -> list[Any]:
        return [item for item in _every(values) if any(_text(found) == wanted for found in inner(item))]

    return step


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def compile_path(path: str) -> Callable[[Any], list[Any]]:
    """A function that gives all values at ``path``; ``ValueError`` if the path cannot be read."""
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text and text[0] not in ".[":
        text = "." + text
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"unreadable path {path!r} at {text[position:]!r}")
        if match["filter_key"] is not None:
            steps.append(_where(match["filter_key"], match["filter_value"]))
        elif match["index"] is not None:
            steps.append(_index(int(match["index"])))
        elif match["all"] is not None:
            steps.append(_every)
        else:
            steps.append(_key(match["quoted"] or re.sub(r"\\(.)", r"\1", match["key"])))
        position = match.end()

    def find(obj: Any) -> list[Any]:
        values = [obj]
        for step in steps:
            values = step(values)
        return values

    return find


def first(obj: Any, path: str, default: Any = None) -> Any:
    """The first value at ``path``, or ``default``."""
    found = compile_path(path)(obj)
    return found[0] if found else default


def put(obj: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path of plain keys, making the objects on the way."""
    *parents, last = [part for part in path.split(".") if part]
    for part in parents:
        obj = obj.setdefault(part, {})
    obj[last] = value
