"""Answers in the form a client asked for: objects, lists, tables, or metadata alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from lab.apiserver import tables
from lab.apiserver.errors import Object
from lab.apiserver.kinds import Kind

JSON = "application/json"
META = "meta.k8s.io/v1"


@dataclass(frozen=True)
class Form:
    """The form of an answer: ``plain``, ``table`` or ``partial`` (metadata alone)."""

    name: str = "plain"
    include_object: str = "Metadata"


def form_of(accept: str, include_object: str = "") -> Form:
    """The first form of an ``Accept`` header that the server speaks."""
    for choice in accept.split(","):
        parts = [part.strip() for part in choice.split(";")]
        options = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
        if parts[0] not in (JSON, "*/*", "application/*", ""):
            continue
        if options.get("as") == "Table" and options.get("v") == "v1":
            return Form("table", include_object or "Metadata")
        if options.get("as", "").startswith("PartialObjectMetadata") and options.get("v") == "v1":
            return Form("partial")
        if "as" not in options:
            return Form()
    return Form()


def encode(value: object) -> bytes:
    """JSON bytes with the newline that Kubernetes sends."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def partial(obj: Object) -> Object:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": obj["metadata"]}


def render_object(kind: Kind, obj: Object, form: Form) -> Object:
    """One object in a form; a Status stays what it is."""
    if obj.get("kind") == "Status" and obj.get("apiVersion") == "v1":
        return obj
    if form.name == "table":
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return tables.table(kind, [obj], metadata, form.include_object)
    return partial(obj) if form.name == "partial" else kind.read(obj)


def render_list(kind: Kind, objects: Sequence[Object], metadata: Object, form: Form) -> Object:
    """A list in a form."""
    if form.name == "table":
        return tables.table(kind, objects, metadata, form.include_object)
    if form.name == "partial":
        items = [partial(obj) for obj in objects]
        return {"kind": "PartialObjectMetadataList", "apiVersion": META, "metadata": metadata, "items": items}
    items = [kind.read(obj) for obj in objects]
    return {"kind": kind.of_list(), "apiVersion": kind.api_version, "metadata": metadata, "items": items}


def render_event(kind: Kind, event: str, obj: Object, form: Form, first: bool) -> Object:
    """One event of a watch in a form; only a watch's first table tells its columns."""
    if event == "BOOKMARK" and form.name == "table":
        table = tables.table(kind, [], obj["metadata"], form.include_object)
        return {"type": event, "object": table}
    if event == "BOOKMARK":
        return {"type": event, "object": obj}
    rendered = render_object(kind, obj, form)
    if form.name == "table" and not first:
        rendered["columnDefinitions"] = None
    return {"type": event, "object": rendered}
