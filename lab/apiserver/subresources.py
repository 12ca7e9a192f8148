"""Subresources that are answered from the store: scale, binding, eviction, token."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from aiohttp import web

from lab.apiserver import bodies, patches
from lab.apiserver.calls import Call
from lab.apiserver.deleting import Deleter
from lab.apiserver.errors import ApiError, Object, bad_request, conflict, not_found
from lab.apiserver.identity import now
from lab.apiserver.jsonpath import first, put
from lab.apiserver.kinds import Kind
from lab.apiserver.reading import Reader
from lab.apiserver.resource_requests import respond
from lab.apiserver.schema.service import SchemaService
from lab.apiserver.selectors import structured_requirements
from lab.apiserver.server import Handler
from lab.apiserver.tokens import Tokens
from lab.apiserver.writing import Writer

DEFAULT_TOKEN_SECONDS = 3600


def _selector_text(selector: object) -> str:
    if isinstance(selector, dict):
        terms = structured_requirements(selector)
        return ",".join(f"{term.key}={next(iter(term.values))}" for term in terms if term.operator == "in")
    return str(selector or "")


def scale_of(kind: Kind, obj: Object) -> Object:
    """The Scale of an object; ``ApiError`` 404 if its kind has none."""
    if kind.scale is None:
        raise not_found(kind.group, kind.plural, obj["metadata"]["name"])
    about = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": first(obj, kind.scale.status, 0)}
    if kind.scale.selector and (selector := _selector_text(first(obj, kind.scale.selector))):
        status["selector"] = selector
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {field: about[field] for field in kept if field in about},
        "spec": {"replicas": first(obj, kind.scale.spec, 0)},
        "status": status,
    }


class Subresources:
    """Handles subresources that need no node and no other server."""

    def __init__(
        self, reader: Reader, writer: Writer, deleter: Deleter, schemas: SchemaService, tokens: Tokens
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._deleter = deleter
        self._schemas = schemas
        self._tokens = tokens

    def handlers(self) -> dict[str, Handler]:
        """By subresource, or by resource and subresource."""
        return {
            "*/scale": self._scale,
            "pods/binding": self._bind,
            "pods/eviction": self._evict,
            "serviceaccounts/token": self._token,
        }

    async def _scale(self, request: web.Request, call: Call) -> web.StreamResponse:
        kind = call.kind
        if kind.scale is None:
            raise not_found(kind.group, kind.plural, call.target.name)
        if call.target.verb == "get":
            return respond(scale_of(kind, self._reader.get(call)))
        media_type = patches.media_type_of(request.headers.get("Content-Type", ""))
        body = await request.read()
        path = kind.scale.spec

        def change(obj: Object) -> Object:
            scale = scale_of(kind, obj)
            if call.target.verb == "patch":
                scale = patches.change_of(media_type, kind, self._schemas, body)(scale)
            else:
                scale = bodies.decode(media_type, body)
            revision = (scale.get("metadata") or {}).get("resourceVersion")
            if revision and revision != obj["metadata"]["resourceVersion"]:
                raise conflict(kind.group, kind.plural, call.target.name)
            replicas = (scale.get("spec") or {}).get("replicas", 0)
            if not isinstance(replicas, int) or replicas < 0:
                raise ApiError(422, f"spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0")
            put(obj, path, replicas)
            return obj

        changed = await self._writer.change(_on_object(call), change)
        return respond(scale_of(kind, changed))

    async def _bind(self, request: web.Request, call: Call) -> web.StreamResponse:
        binding = bodies.decode(request.headers.get("Content-Type", ""), await request.read())
        node = (binding.get("target") or {}).get("name")
        if not node:
            raise bad_request("target.name: Required value")

        def change(pod: Object) -> Object:
            bound = pod["spec"].get("nodeName")
            if bound:
                why = f'pod {call.target.name} is already assigned to node "{bound}"'
                raise conflict("", "pods/binding", call.target.name, why)
            pod["spec"]["nodeName"] = node
            others = [c for c in pod.setdefault("status", {}).get("conditions") or [] if c["type"] != "PodScheduled"]
            scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now(), "lastProbeTime": None}
            pod["status"]["conditions"] = [*others, scheduled]
            return pod

        await self._writer.change(_on_object(call, "binding"), change)
        return respond({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    async def _evict(self, request: web.Request, call: Call) -> web.StreamResponse:
        eviction = bodies.decode(request.headers.get("Content-Type", ""), await request.read())
        target = replace(call.target, subresource="", verb="delete")
        await self._deleter.delete(replace(call, target=target), eviction.get("deleteOptions") or {})
        return respond({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    async def _token(self, request: web.Request, call: Call) -> web.StreamResponse:
        wanted = bodies.decode(request.headers.get("Content-Type", ""), await request.read())
        account = self._reader.get(call)
        spec = wanted.get("spec") or {}
        seconds = spec.get("expirationSeconds") or DEFAULT_TOKEN_SECONDS
        issued = self._tokens.issue(account, int(seconds), spec.get("audiences") or (), spec.get("boundObjectRef"))
        ends = datetime.fromtimestamp(issued.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": call.target.name, "namespace": call.namespace, "creationTimestamp": now()},
            "spec": spec,
            "status": {"token": issued.token, "expirationTimestamp": ends},
        }
        return respond(body, 201)


def _on_object(call: Call, subresource: str = "") -> Call:
    """The same request, about the object itself."""
    return replace(call, target=replace(call.target, subresource=subresource, verb="patch"))
