"""The OpenAPI documents: v3 by group and version, and v2 in one piece, from the kinds served now."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import orjson

from lab.apiserver.errors import Object
from lab.apiserver.kinds import Kind, Registry
from lab.apiserver.schema.builtin import BuiltinSchemas
from lab.apiserver.schema.structure import METADATA

_METHODS = {"post": "create", "get": "get", "put": "update", "patch": "patch", "delete": "delete"}
_ON_OBJECTS = ("get", "put", "patch", "delete")
_ON_COLLECTIONS = ("get", "post", "delete")
_ACTIONS = {"get": "get", "put": "put", "patch": "patch", "delete": "delete", "post": "post"}
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def component_name(model: str) -> str:
    """The published name of a model: ``V1PodSpec`` → ``io.k8s.v1.PodSpec``."""
    match = re.fullmatch(r"(\w*?)V1(\w+)", model)
    return f"io.k8s.v1.{match[1]}{match[2]}" if match else f"io.k8s.{model}"


def custom_component(kind: Kind) -> str:
    """The published name of a custom kind."""
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


class OpenApi:
    """Writes the documents, once for each state of the registry."""

    def __init__(self, registry: Registry, builtin: BuiltinSchemas) -> None:
        self._registry = registry
        self._builtin = builtin
        self._written: dict[str, tuple[int, bytes]] = {}

    async def index(self) -> bytes:
        """``/openapi/v3``: where the document of each group and version is."""
        await self._builtin.ready()
        paths: Object = {}
        for group, versions in self._registry.groups().items():
            for version in versions:
                name = f"apis/{group}/{version}" if group else f"api/{version}"
                digest = hashlib.sha256(self._document(group, version)).hexdigest().upper()
                paths[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={digest}"}
        return orjson.dumps({"paths": paths})

    async def version(self, group: str, version: str) -> bytes | None:
        """``/openapi/v3/apis/<group>/<version>``; None if nothing of it is served."""
        await self._builtin.ready()
        if version not in self._registry.groups().get(group, []):
            return None
        return self._document(group, version)

    async def swagger(self) -> bytes:
        """``/openapi/v2``: everything in one document."""
        await self._builtin.ready()
        return self._once("v2", self._write_swagger)

    def _document(self, group: str, version: str) -> bytes:
        return self._once(f"{group}/{version}", lambda: self._write_version(group, version))

    def _once(self, name: str, write: Any) -> bytes:
        known = self._written.get(name)
        if known is None or known[0] != self._registry.generation:
            known = self._written[name] = (self._registry.generation, write())
        return known[1]

    def _write_version(self, group: str, version: str) -> bytes:
        kinds = self._registry.version_kinds(group, version)
        components: Object = {}
        for kind in kinds:
            components |= self._components(kind)
        paths: Object = {}
        for kind in kinds:
            paths |= dict(_paths(kind, self._name(kind), "#/components/schemas/"))
        document = {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.32.0"},
            "paths": paths,
            "components": {"schemas": components},
        }
        return orjson.dumps(document)

    def _write_swagger(self) -> bytes:
        definitions: Object = {}
        paths: Object = {}
        for kind in self._registry:
            definitions |= self._components(kind)
            paths |= dict(_paths(kind, self._name(kind), "#/definitions/"))
        text = orjson.dumps(
            {
                "swagger": "2.0",
                "info": {"title": "Kubernetes", "version": "v1.32.0"},
                "paths": paths,
                "definitions": definitions,
            }
        )
        return text.replace(b"#/components/schemas/", b"#/definitions/")

    def _name(self, kind: Kind) -> str:
        if kind.custom:
            return custom_component(kind)
        return component_name(self._builtin.names().get(f"{kind.group}/{kind.version}/{kind.kind}", kind.kind))

    def _components(self, kind: Kind) -> Object:
        if kind.custom:
            found = dict(self._reachable(METADATA))
            return {**found, custom_component(kind): _custom_schema(kind)}
        model = self._builtin.names().get(f"{kind.group}/{kind.version}/{kind.kind}")
        if model is None:
            return {}
        found = dict(self._reachable(model))
        found[component_name(model)] = {**found[component_name(model)], **_identity(kind)}
        return found

    def _reachable(self, model: str) -> Iterator[tuple[str, Object]]:
        waiting, seen = [model], {model}
        while waiting:
            name = waiting.pop()
            schema = self._builtin.components[name]
            yield component_name(name), _published(schema)
            for inner in re.findall(rb'"\$ref":"(\w+)"', orjson.dumps(schema)):
                reference = inner.decode()
                if reference not in seen:
                    seen.add(reference)
                    waiting.append(reference)


def _identity(kind: Kind) -> Object:
    return {"x-kubernetes-group-version-kind": [{"group": kind.group, "version": kind.version, "kind": kind.kind}]}


def _published(schema: Any) -> Any:
    """A stored schema with references as OpenAPI writes them."""
    if isinstance(schema, list):
        return [_published(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(reference := schema.get("$ref"), str):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**rest, "allOf": [{"$ref": f"#/components/schemas/{component_name(reference)}"}]}
    return {key: _published(value) for key, value in schema.items()}


def _custom_schema(kind: Kind) -> Object:
    properties = kind.schema.get("properties") or {}
    reference = {"allOf": [{"$ref": f"#/components/schemas/{component_name(METADATA)}"}]}
    return {
        **kind.schema,
        **_identity(kind),
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "description": "The version of the schema of this object."},
            "kind": {"type": "string", "description": "The kind of this object."},
            **properties,
            "metadata": {**reference, "description": "Standard object's metadata."},
        },
    }


def _paths(kind: Kind, component: str, prefix: str) -> Iterator[tuple[str, Object]]:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if kind.namespaced:
        root += "/namespaces/{namespace}"
    collection = [name for name in _ON_COLLECTIONS if _verb(name, collection=True) in kind.verbs]
    single = [name for name in _ON_OBJECTS if _verb(name, collection=False) in kind.verbs]
    yield f"{root}/{kind.plural}", {name: _operation(kind, name, component, prefix) for name in collection}
    if single:
        yield f"{root}/{kind.plural}/{{name}}", {name: _operation(kind, name, component, prefix) for name in single}


def _verb(method: str, collection: bool) -> str:
    if collection:
        return {"get": "list", "post": "create", "delete": "deletecollection"}[method]
    return _METHODS[method]


def _operation(kind: Kind, method: str, component: str, prefix: str) -> Object:
    group_version_kind = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    schema = {"$ref": f"{prefix}{component}"}
    operation: Object = {
        "operationId": f"{method}{kind.group.title().replace('.', '')}{kind.version.title()}{kind.kind}",
        "x-kubernetes-action": _ACTIONS[method],
        "x-kubernetes-group-version-kind": group_version_kind,
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
    }
    if method in ("post", "put", "patch"):
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in _PARAMETERS
        ]
        types = _PATCHES if method == "patch" else ("application/json",)
        body = {"type": "object"} if method == "patch" else schema
        operation["requestBody"] = {"required": True, "content": {name: {"schema": body} for name in types}}
    return operation
