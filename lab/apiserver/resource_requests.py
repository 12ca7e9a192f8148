"""Answers requests about resources: chooses reader, watcher, writer or deleter, and puts the answer into form."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from lab.apiserver import bodies, patches
from lab.apiserver.applying import Applier
from lab.apiserver.calls import Call
from lab.apiserver.deleting import Deleter
from lab.apiserver.errors import ApiError, Object, bad_request
from lab.apiserver.reading import Reader
from lab.apiserver.rendering import JSON, Form, encode, form_of, render_event, render_list, render_object
from lab.apiserver.schema.service import SchemaService
from lab.apiserver.watching import Watcher
from lab.apiserver.writing import Writer

MAX_BODY = 3 * 1024 * 1024


def respond(body: object, status: int = 200, warnings: list[str] | None = None) -> web.Response:
    """A JSON answer, with Kubernetes' warning headers."""
    response = web.Response(body=encode(body), status=status, content_type=JSON)
    response.headers["Cache-Control"] = "no-cache, private"
    for warning in dict.fromkeys(warnings or []):
        text = warning.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        response.headers.add("Warning", f'299 - "{text}"')
    return response


class ResourceRequests:
    """The verbs on kinds that this server itself serves."""

    def __init__(
        self,
        reader: Reader,
        watcher: Watcher,
        writer: Writer,
        deleter: Deleter,
        applier: Applier,
        schemas: SchemaService,
    ) -> None:
        self._reader = reader
        self._watcher = watcher
        self._writer = writer
        self._deleter = deleter
        self._applier = applier
        self._schemas = schemas

    async def handle(self, request: web.Request, call: Call) -> web.StreamResponse:
        """Carry out a request; ``ApiError`` for everything that is refused."""
        form = form_of(request.headers.get("Accept", ""), call.query.get("includeObject", ""))
        verb = call.target.verb
        if call.target.subresource == "" and verb not in call.kind.verbs:
            raise ApiError(405, "the server does not allow this method on the requested resource")
        if verb == "get":
            return respond(render_object(call.kind, self._reader.get(call), form))
        if verb == "list":
            page = self._reader.list(call)
            return respond(render_list(call.kind, page.objects, page.metadata, form))
        if verb == "watch":
            return await self._watch(request, call, form)
        return await self._write(request, call, form)

    async def _write(self, request: web.Request, call: Call, form: Form) -> web.Response:
        body = await request.read()
        content_type = request.headers.get("Content-Type", JSON)
        verb, status = call.target.verb, 200
        if call.kind.namespaced and not call.namespace:
            raise ApiError(405, "the server does not allow this method on the requested resource")
        if call.field_validation == "Strict":
            await self._schemas.ready()
        if verb == "create":
            if call.target.name:
                raise ApiError(405, "the server does not allow this method on the requested resource")
            result = await self._writer.create(call, bodies.decode(content_type, body))
            status = 201
        elif verb == "update":
            result = await self._writer.update(call, bodies.decode(content_type, body))
        elif verb == "patch":
            result, created = await self._patch(call, content_type, body)
            status = 201 if created else 200
        elif verb == "delete":
            result = await self._deleter.delete(call, _delete_options(call, content_type, body))
        else:
            deleted = await self._deleter.delete_collection(call, _delete_options(call, content_type, body))
            return respond(render_list(call.kind, deleted, {"resourceVersion": ""}, form))
        return respond(render_object(call.kind, result, form), status, call.warnings)

    async def _patch(self, call: Call, content_type: str, body: bytes) -> tuple[Object, bool]:
        """The object as it is then, and whether it is new."""
        media_type = patches.media_type_of(content_type)
        if media_type in (patches.STRATEGIC_PATCH, patches.APPLY_PATCH):
            await self._schemas.ready()
        if media_type == patches.APPLY_PATCH:
            return await self._applier.apply(call, body)
        change = patches.change_of(media_type, call.kind, self._schemas, body)
        return await self._writer.change(call, change), False

    async def _watch(self, request: web.Request, call: Call, form: Form) -> web.StreamResponse:
        batches = self._watcher.events(call)
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache, private"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        first = True
        try:
            async for events in batches:
                lines = []
                for name, obj in events:
                    lines.append(encode(render_event(call.kind, name, obj, form, first)))
                    first = False
                await response.write(b"".join(lines))
            await response.write_eof()
        except ConnectionError:
            pass  # The client hung up; there is nobody to tell.
        return response


def _delete_options(call: Call, content_type: str, body: bytes) -> Object:
    options: dict[str, Any] = bodies.decode(content_type, body) if body.strip() else {}
    if (grace := call.number("gracePeriodSeconds")) is not None:
        options["gracePeriodSeconds"] = grace
    if policy := call.query.get("propagationPolicy"):
        options["propagationPolicy"] = policy
    if options.get("dryRun") not in (None, [], ["All"]):
        raise bad_request(f'dryRun: Unsupported value: {options["dryRun"]}: supported values: "All"')
    return options
