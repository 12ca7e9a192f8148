"""The front of the server: from an HTTP request to the part that answers it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from aiohttp import web

from lab.apiserver.calls import Call, User
from lab.apiserver.errors import ApiError, no_such_page
from lab.apiserver.kinds import Kind, Registry
from lab.apiserver.pages import Pages
from lab.apiserver.paths import Target, parse
from lab.apiserver.proxy.aggregation import Aggregation
from lab.apiserver.resource_requests import MAX_BODY, ResourceRequests, respond

LOG = logging.getLogger(__name__)

Handler = Callable[[web.Request, Call], Awaitable[web.StreamResponse]]


_PLAIN = ("status", "finalize")  # subresources that are written like the object itself


class Authenticator(Protocol):
    """Tells who sent a request."""

    def identify(self, request: web.Request) -> User:
        """The user; ``ApiError`` 401 if nobody vouches for the sender."""


class Authorizer(Protocol):
    """Tells what a user may do."""

    def check(self, user: User, target: Target) -> None:
        """Nothing, or ``ApiError`` 403."""


class Front:
    """Authenticates, authorizes and hands on every request."""

    def __init__(
        self,
        authenticator: Authenticator,
        authorizer: Authorizer,
        registry: Registry,
        resources: ResourceRequests,
        pages: Pages,
        aggregation: Aggregation,
        handlers: dict[str, Handler],
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._registry = registry
        self._resources = resources
        self._pages = pages
        self._handlers = handlers
        self._aggregation = aggregation

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request; whatever goes wrong becomes a Status."""
        try:
            return await self._answer(request)
        except ApiError as error:
            return respond(error.status(), error.code)
        except web.HTTPRequestEntityTooLarge:
            failure = ApiError(413, f"Request entity too large: limit is {MAX_BODY}")
            return respond(failure.status(), 413)
        except (ConnectionError, web.HTTPException):
            raise
        except Exception:
            LOG.exception("%s %s failed", request.method, request.path)
            failure = ApiError(500, "Internal error occurred: see the log of the API server")
            return respond(failure.status(), 500)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in ("/readyz", "/healthz", "/livez"):
            return web.Response(text="ok")
        user = self._authenticator.identify(request)
        watch = request.query.get("watch", "").lower() in ("1", "true")
        target = parse(request.method, request.rel_url.raw_path, watch)
        self._authorizer.check(user, _as_authorized(target, request.query.get("fieldSelector", "")))
        if not target.is_resource:
            return await self._pages.handle(request, user)
        if (api_service := self._aggregation.find(target.group, target.version)) is not None:
            return await self._aggregation.handle(request, user, api_service)
        kind = self._registry.find(target.group, target.version, target.plural)
        if kind is None or not _fits(kind, target):
            raise no_such_page()
        agent = request.headers.get("User-Agent", "")
        call = Call(target, kind, user, request.query, agent)
        if (handler := self._handler(call)) is not None:
            return await handler(request, call)
        if target.subresource and (target.subresource not in kind.subresources or target.subresource not in _PLAIN):
            raise no_such_page()
        return await self._resources.handle(request, call)

    def _handler(self, call: Call) -> Handler | None:
        """Who answers for a subresource of its own, or for a kind that is not stored."""
        resource, subresource = call.kind.resource, call.target.subresource
        if not subresource:
            return self._handlers.get(resource) if call.target.verb == "create" else None
        return self._handlers.get(f"{resource}/{subresource}") or self._handlers.get(f"*/{subresource}")


def _as_authorized(target: Target, fields: str) -> Target:
    """What is judged: a list or watch of one name counts as a request for that name (``resourceNames``)."""
    if target.name or not target.is_resource:
        return target
    named = [term.partition("=")[2].lstrip("=") for term in fields.split(",") if term.startswith("metadata.name=")]
    return replace(target, name=named[0]) if named else target


def _fits(kind: Kind, target: Target) -> bool:
    """Whether a path is one of the kind's: objects in namespaces have one in their path, others have none."""
    if kind.resource == "namespaces":
        return True
    if not kind.namespaced:
        return not target.namespace
    return bool(target.namespace) or target.verb in ("list", "watch", "create", "deletecollection")
