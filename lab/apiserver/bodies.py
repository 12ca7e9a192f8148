"""Request bodies as objects: JSON, YAML, and protobuf for the kinds that kubectl sends so."""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from lab import documents
from lab.apiserver import protobuf
from lab.apiserver.errors import ApiError, Object, bad_request

JSON = "application/json"
YAML = "application/yaml"


def decode(content_type: str, body: bytes) -> Object:
    """The object in a body; ``ApiError`` 400 if it cannot be read, 415 if its media type is not understood."""
    media_type = content_type.split(";")[0].strip().lower()
    if media_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(body)
    if media_type in (JSON, "", "*/*", "application/octet-stream", "text/plain"):
        value = parse_json(body)
    elif media_type == YAML:
        value = parse_yaml(body)
    else:
        raise ApiError(
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            f"{JSON}, {YAML}, {protobuf.MEDIA_TYPE}",
        )
    if not isinstance(value, dict):
        raise bad_request("the body of the request must be a JSON object")
    return value


def parse_json(body: bytes) -> Any:
    """JSON; ``ApiError`` 400 if it is not."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error


def parse_yaml(body: bytes) -> Any:
    """YAML (of which JSON is a part); ``ApiError`` 400 if it is not."""
    try:
        return documents.read(body)
    except yaml.YAMLError as error:
        raise bad_request(f"error converting YAML to JSON: {error}") from error
