"""Values against their schema: types, bounds, lengths, patterns, enumerations, combinations, in Kubernetes' wording."""

from __future__ import annotations

import binascii
import ipaddress
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from lab.apiserver.errors import Cause, Object, invalid_value, required, shown, unsupported
from lab.apiserver.schema.structure import EMBEDDED

_ABSENT = object()


def json_type(value: Any) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _has_type(schema: Object, value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return json_type(value) in ("integer", "string")
    wanted, found = schema.get("type"), json_type(value)
    return not wanted or wanted == found or (wanted == "number" and found == "integer")


def value_causes(schema: Object, value: Any, path: str) -> Iterator[Cause]:
    """Everything wrong with a value and all beneath it."""
    if value is None and schema.get("nullable"):
        return
    if not _has_type(schema, value):
        wanted = "integer,string" if schema.get("x-kubernetes-int-or-string") else schema["type"]
        text = f"{path} in body must be of type {wanted}: {shown(json_type(value))}"
        yield invalid_value(path, _type_shown(value), text, "FieldValueTypeInvalid")
        return
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, value, schema["enum"])
    if isinstance(value, str):
        yield from _string_causes(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number_causes(schema, value, path)
    elif isinstance(value, list):
        yield from _list_causes(schema, value, path)
    elif isinstance(value, dict):
        yield from _object_causes(schema, value, path)
    yield from _combination_causes(schema, value, path)


def _type_shown(value: Any) -> Any:
    return value if isinstance(value, (str, int, float)) else json_type(value)


def _string_causes(schema: Object, value: str, path: str) -> Iterator[Cause]:
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        yield Cause(path, "FieldValueTooLong", f"Too long: may not be more than {longest} bytes")
    if shortest is not None and len(value) < shortest:
        yield invalid_value(path, value, f"{path} in body should be at least {shortest} chars long")
    if (pattern := schema.get("pattern")) and not _pattern(pattern).search(value):
        yield invalid_value(path, value, f"{path} in body should match '{pattern}'")
    if (form := schema.get("format")) in _FORMATS and not _FORMATS[form](value):
        yield invalid_value(
            path, value, f"{path} in body must be of type {form}: {shown(value)}", "FieldValueTypeInvalid"
        )


@cache
def _pattern(text: str) -> re.Pattern[str]:
    # Go's \z is Python's \Z; everything else that CRDs use is common to both.
    return re.compile(text.replace(r"\z", r"\Z"))


def _readable(parse: Any) -> Any:
    def check(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


_FORMATS: dict[str, Any] = {
    "date-time": _readable(datetime.fromisoformat),
    "byte": _readable(lambda text: binascii.a2b_base64(text, strict_mode=True)),
    "ipv4": _readable(ipaddress.IPv4Address),
    "ipv6": _readable(ipaddress.IPv6Address),
    "cidr": _readable(ipaddress.ip_interface),
    "uuid": re.compile(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}").fullmatch,
}


def _number_causes(schema: Object, value: float, path: str) -> Iterator[Cause]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield invalid_value(path, value, f"{path} in body should be {word} {least}")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield invalid_value(path, value, f"{path} in body should be {word} {most}")
    factor = schema.get("multipleOf")
    if factor and value % factor:
        yield invalid_value(path, value, f"{path} in body should be a multiple of {factor}")


def _list_causes(schema: Object, value: list[Any], path: str) -> Iterator[Cause]:
    most, least = schema.get("maxItems"), schema.get("minItems")
    if most is not None and len(value) > most:
        yield Cause(path, "FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items")
    if least is not None and len(value) < least:
        yield invalid_value(path, len(value), f"{path} in body should have at least {least} items")
    yield from _duplicate_causes(schema, value, path)
    items = schema.get("items") or {}
    for index, item in enumerate(value):
        yield from value_causes(items, item, f"{path}[{index}]")


def _duplicate_causes(schema: Object, value: list[Any], path: str) -> Iterator[Cause]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    seen: list[Any] = []
    for index, item in enumerate(value):
        if kind == "map" and isinstance(item, dict):
            identity: Any = {key: item.get(key) for key in keys}
        elif kind == "set" or schema.get("uniqueItems"):
            identity = item
        else:
            continue
        if identity in seen:
            yield Cause(f"{path}[{index}]", "FieldValueDuplicate", f"Duplicate value: {shown(identity)}")
        seen.append(identity)


def _object_causes(schema: Object, value: Object, path: str) -> Iterator[Cause]:
    prefix = f"{path}." if path else ""
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    if most is not None and len(value) > most:
        yield Cause(path, "FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items")
    if least is not None and len(value) < least:
        yield invalid_value(path, len(value), f"{path} in body should have at least {least} properties")
    for name in schema.get("required") or []:
        if value.get(name, _ABSENT) is _ABSENT:
            yield required(f"{prefix}{name}")
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        if name in properties:
            if not (path == "" and name == "metadata") and not (schema.get(EMBEDDED) and name == "metadata"):
                yield from value_causes(properties[name], item, f"{prefix}{name}")
        elif isinstance(extra, dict):
            yield from value_causes(extra, item, f"{path}[{name}]" if "." in name else f"{prefix}{name}")


def _combination_causes(schema: Object, value: Any, path: str) -> Iterator[Cause]:
    for part in schema.get("allOf") or []:
        yield from value_causes(part, value, path)
    if (choices := schema.get("anyOf")) and not any(_fits(choice, value, path) for choice in choices):
        yield invalid_value(path, "", f"{shown(path)} must validate at least one schema (anyOf)")
    if choices := schema.get("oneOf"):
        count = sum(_fits(choice, value, path) for choice in choices)
        if count != 1:
            found = "Found none valid" if count == 0 else f"Found {count} valid alternatives"
            yield invalid_value(path, "", f"{shown(path)} must validate one and only one schema (oneOf). {found}")
    if "not" in schema and _fits(schema["not"], value, path):
        yield invalid_value(path, "", f"{shown(path)} must not validate the schema (not)")


def _fits(schema: Object, value: Any, path: str) -> bool:
    return next(value_causes(schema, value, path), None) is None
