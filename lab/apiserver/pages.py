"""Everything that is no resource: discovery, OpenAPI, ``/version``, and the compaction of history."""

from __future__ import annotations

import platform

from aiohttp import web

from lab.apiserver import discovery
from lab.apiserver.calls import User
from lab.apiserver.errors import ApiError, Object, no_such_page
from lab.apiserver.kinds import Registry
from lab.apiserver.openapi import OpenApi
from lab.apiserver.proxy.aggregation import Aggregation
from lab.apiserver.resource_requests import respond
from lab.apiserver.store import Store

VERSION: Object = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0-lab",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": f"python{platform.python_version()}",
    "compiler": "cpython",
    "platform": "linux/amd64",
}
PATHS = ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]


class Pages:
    """Answers requests for paths outside the resources."""

    def __init__(
        self, registry: Registry, store: Store, openapi: OpenApi, aggregation: Aggregation, address: str
    ) -> None:
        self._registry = registry
        self._store = store
        self._openapi = openapi
        self._aggregation = aggregation
        self._address = address

    async def handle(self, request: web.Request, user: User) -> web.StreamResponse:
        """The page; ``ApiError`` 404 if there is none at this path."""
        parts = [part for part in request.path.split("/") if part]
        if not parts:
            return respond({"paths": PATHS})
        if parts == ["version"]:
            return respond(VERSION)
        if parts == ["lab", "compact"] and request.method == "POST":
            return respond({"compactedRevision": self._store.compact()})
        if parts[0] == "openapi":
            return await self._open_api(request, parts[1:])
        if parts[0] == "apis" and len(parts) == 3:
            api_service = self._aggregation.find(parts[1], parts[2])
            if api_service is not None:
                return await self._aggregation.handle(request, user, api_service)
        if parts in (["api"], ["apis"]) and discovery.wants_aggregated(request.headers.get("Accept", "")):
            return await self._aggregated(user, legacy=parts == ["api"])
        return respond(self._discover(parts))

    async def _open_api(self, request: web.Request, parts: list[str]) -> web.Response:
        if parts == ["v2"]:
            accept = request.headers.get("Accept", "")
            if accept and "json" not in accept and "*/*" not in accept:
                raise ApiError(406, "only application/json is served at /openapi/v2; use /openapi/v3")
            return web.Response(body=await self._openapi.swagger(), content_type="application/json")
        if parts == ["v3"]:
            return web.Response(body=await self._openapi.index(), content_type="application/json")
        group = parts[2] if parts[1:2] == ["apis"] and len(parts) == 4 else ""
        body = await self._openapi.version(group, parts[-1])
        if body is None:
            raise no_such_page()
        return web.Response(body=body, content_type="application/json")

    async def _aggregated(self, user: User, legacy: bool) -> web.Response:
        elsewhere = [] if legacy else await self._elsewhere(user)
        response = respond(discovery.aggregated(self._registry, legacy, elsewhere))
        response.headers["Content-Type"] = discovery.AGGREGATED
        return response

    async def _elsewhere(self, user: User) -> list[Object]:
        """The groups of aggregated servers, as their own discovery tells."""
        items = []
        for group, versions in self._aggregation.groups().items():
            listed = []
            for version in versions:
                found = await self._aggregation.resources(user, group, version)
                listed.append(discovery.aggregated_version(group, version, found))
            items.append({"metadata": {"name": group}, "versions": listed})
        return items

    def _discover(self, parts: list[str]) -> Object:
        groups = {**self._registry.groups(), **self._aggregation.groups()}
        if parts == ["api"]:
            return discovery.legacy_versions(self._address)
        if parts == ["apis"]:
            return discovery.groups(groups)
        if parts[0] == "api" and len(parts) == 2 and parts[1] in groups.get("", []):
            return discovery.resources(self._registry, "", parts[1])
        if parts[0] == "apis" and len(parts) == 2 and parts[1] in groups:
            return discovery.group(parts[1], groups[parts[1]])
        if parts[0] == "apis" and len(parts) == 3 and parts[2] in groups.get(parts[1], []):
            return discovery.resources(self._registry, parts[1], parts[2])
        raise no_such_page()
