"""What virt-api tells of itself: its resources, its version, its health."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from lab.client import Client
from lab.resources import KUBEVIRTS

Object = dict[str, Any]

GROUP = "subresources.kubevirt.io"
VERSION = "v1"
BASE = f"/apis/{GROUP}/{VERSION}"

_SUBRESOURCES = {
    "virtualmachines": ("start", "stop", "restart", "migrate", "expand-spec", "portforward"),
    "virtualmachineinstances": (
        "pause",
        "unpause",
        "freeze",
        "unfreeze",
        "reset",
        "softreboot",
        "console",
        "vnc",
        "portforward",
        "guestosinfo",
        "userlist",
        "filesystemlist",
    ),
}
_READ = frozenset(
    {"console", "vnc", "portforward", "guestosinfo", "userlist", "filesystemlist", "expand-spec"},
)


class Discovery:
    """Handlers that need no VM."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def routes(self) -> list[web.RouteDef]:
        """The routes of discovery, version and health."""
        return [
            web.get("/apis", self._groups),
            web.get(f"/apis/{GROUP}", self._group),
            web.get(BASE, self._resources),
            web.get(f"{BASE}/version", self._version),
            web.get(f"{BASE}/healthz", self._health),
            web.get("/healthz", self._health),
        ]

    async def _groups(self, request: web.Request) -> web.Response:
        return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]})

    async def _group(self, request: web.Request) -> web.Response:
        return web.json_response({"kind": "APIGroup", "apiVersion": "v1", **_group()})

    async def _resources(self, request: web.Request) -> web.Response:
        resources = [
            {
                "name": f"{plural}/{name}",
                "singularName": "",
                "namespaced": True,
                "kind": "",
                "verbs": ["get"] if name in _READ else ["update"],
            }
            for plural, names in _SUBRESOURCES.items()
            for name in names
        ]
        for name in ("version", "healthz"):
            resources.append({"name": name, "singularName": "", "namespaced": False, "kind": "", "verbs": ["get"]})
        answer = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}"}
        return web.json_response({**answer, "resources": resources})

    async def _version(self, request: web.Request) -> web.Response:
        answer = await self._client.list(KUBEVIRTS)
        versions = [(item.get("status") or {}).get("observedKubeVirtVersion") for item in answer["items"]]
        return web.json_response(
            {
                "gitVersion": next((version for version in versions if version), ""),
                "gitCommit": "",
                "gitTreeState": "",
                "buildDate": "",
                "goVersion": "",
                "compiler": "",
                "platform": "linux/amd64",
            }
        )

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"apiserver": {"connectivity": "ok"}})


def _group() -> Object:
    version = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
    return {"name": GROUP, "versions": [version], "preferredVersion": version}
