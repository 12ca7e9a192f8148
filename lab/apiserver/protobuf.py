"""Reads the few kinds that kubectl sends as protobuf, by the field tables of ``data/protobuf.yaml``.

The envelope is four magic bytes and a ``runtime.Unknown`` message (type meta in field 1, the object in field 2).
Source: the wire format of protocol buffers and the field numbers of Kubernetes' published API types.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from lab.apiserver.errors import ApiError, Object, bad_request
from lab.apiserver.kinds import data

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_UNSET: tuple[Any, ...] = ("", {}, 0, b"")


def decode(body: bytes) -> Object:
    """The object in a protobuf body; ``ApiError`` 400 if it is damaged, 415 if its kind has no table."""
    if not body.startswith(MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = dict(_fields(body[len(MAGIC) :]))
        type_meta = {number: raw.decode() for number, raw in _fields(envelope[1])}
        api_version, kind = type_meta[1], type_meta[2]
    except (IndexError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise bad_request(f"unable to decode the protobuf envelope: {error!r}") from error
    if kind not in data("protobuf"):
        raise ApiError(415, f"{kind} ({api_version}) cannot be read as protobuf here; send it as application/json")
    try:
        return {"apiVersion": api_version, "kind": kind, **_message(envelope.get(2, b""), kind)}
    except (IndexError, UnicodeDecodeError, ValueError, AttributeError) as error:
        raise bad_request(f"unable to decode {kind} from protobuf: {error!r}") from error


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(raw):
        tag, position = _varint(raw, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _varint(raw, position)
            yield number, value
        elif wire_type == 2:
            length, position = _varint(raw, position)
            if position + length > len(raw):
                raise ValueError("a field runs past the end of its message")
            yield number, raw[position : position + length]
            position += length
        elif wire_type in (1, 5):
            width = 8 if wire_type == 1 else 4
            yield number, int.from_bytes(raw[position : position + width], "little")
            position += width
        else:
            raise ValueError(f"unknown wire type {wire_type}")


def _message(raw: bytes, name: str) -> Object:
    table: dict[int, str] = data("protobuf")[name]
    found: Object = {}
    for number, value in _fields(raw):
        if number not in table:
            if value in _UNSET:
                continue
            raise ApiError(
                415, f"field {number} of {name} cannot be read as protobuf here; send it as application/json"
            )
        field, _, kind = table[number].partition(" ")
        kind = kind or "string"
        if kind == "ignored":
            continue
        if kind.startswith("[]"):
            found.setdefault(field, []).append(_value(value, kind[2:]))
        elif kind.startswith("map "):
            entry = dict(_fields(value))
            found.setdefault(field, {})[entry[1].decode()] = _value(entry.get(2, b""), kind[4:])
        else:
            found[field] = _value(value, kind)
    # Empty strings, zeros and empty messages are what Go writes for fields that nobody set.
    return {field: value for field, value in found.items() if value is False or value not in _UNSET}


def _value(value: Any, kind: str) -> Any:
    if kind == "string":
        return value.decode()
    if kind == "int":
        return value - (1 << 64) if value >= 1 << 63 else value
    if kind == "bool":
        return bool(value)
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if kind == "int-or-string":
        fields = dict(_fields(value))
        return fields.get(3, b"").decode() if fields.get(1) else fields.get(2, 0)
    if kind == "time":
        # The null time is an empty message; kubectl sends no other.
        return {}
    return _message(value, kind)
