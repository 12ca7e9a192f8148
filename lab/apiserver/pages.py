"""Everything that is no resource: discovery, ``/version``, health, and the compaction of history."""

from __future__ import annotations

import platform

from aiohttp import web

from lab.apiserver import discovery
from lab.apiserver.errors import Object, no_such_page
from lab.apiserver.kinds import Registry
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


class Pages:
    """Answers requests for paths outside the resources."""

    def __init__(self, registry: Registry, store: Store, address: str) -> None:
        self._registry = registry
        self._store = store
        self._address = address

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The page; ``ApiError`` 404 if there is none at this path."""
        path = request.path.rstrip("/")
        if path in ("/readyz", "/healthz", "/livez"):
            return web.Response(text="ok")
        if path == "/version":
            return respond(VERSION)
        if path == "/lab/compact" and request.method == "POST":
            return respond({"compactedRevision": self._store.compact()})
        if path in ("/api", "/apis") and discovery.wants_aggregated(request.headers.get("Accept", "")):
            response = respond(discovery.aggregated(self._registry, legacy=path == "/api"))
            response.headers["Content-Type"] = discovery.AGGREGATED
            return response
        found = self._discover(path)
        if found is None:
            raise no_such_page()
        return respond(found)

    def _discover(self, path: str) -> Object | None:
        groups = self._registry.groups()
        parts = path.strip("/").split("/")
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
        if path == "":
            return {
                "paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
            }
        return None
