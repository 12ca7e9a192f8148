"""JSON values as CEL sees them through a schema: escaped names, doubles, timestamps, bytes."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from lab.apiserver.errors import Object

_RESERVED = frozenset(
    (
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
        "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
    )
)  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@lru_cache(maxsize=4096)
def escaped(name: str) -> str:
    """A property's name as CEL expressions of Kubernetes spell it (``namespace`` → ``__namespace__``)."""
    if name in _RESERVED:
        return f"__{name}__"
    for plain, spelt in (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__")):
        name = name.replace(plain, spelt)
    return name


def to_cel(schema: Object, value: Any) -> Any:
    """A value for CEL, by its schema."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        rest = extra if isinstance(extra, dict) else {}
        return {
            escaped(name) if name in properties else name: to_cel(properties.get(name) or rest, item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [to_cel(items, item) for item in value]
    if schema.get("type") == "number" and isinstance(value, int):
        return float(value)
    return _text_to_cel(schema.get("format"), value) if isinstance(value, str) else value


def _text_to_cel(form: Any, value: str) -> Any:
    try:
        if form in ("date-time", "date"):
            return datetime.fromisoformat(value)
        if form == "byte":
            return base64.b64decode(value)
        if form == "duration":
            return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in _DURATION.findall(value)))
    except ValueError:
        return value  # The schema's own check of the format tells the client.
    return value
