"""A small HTTP server that speaks just enough of the API for the client's tests, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from lab.client import Client
from lab.kubeconfig import Access

PATH = "/api/v1/namespaces/ns/pods"


def pod(name: str, version: int, **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, "status": status}


def status(code: int, reason: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": "m"}, status=code)


class SmallApi:
    """Pods of all namespaces, and a journal of what was asked."""

    def __init__(self) -> None:
        self.pods: list[dict[str, Any]] = []
        self.version = 1
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.failures: list[int] = []
        self.expire_next_watch = False
        self.watch: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.watching = asyncio.Event()

    def tell(self, type_: str, obj: dict[str, Any]) -> None:
        self.version = max(self.version, int(obj["metadata"]["resourceVersion"]))
        self.watch.put_nowait({"type": type_, "object": obj})

    def cut(self) -> None:
        """End the watch that is open, as a server does when its time is over."""
        self.watch.put_nowait(None)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        if self.failures:
            return status(self.failures.pop(0), "Busy")
        if request.method != "GET":
            self.bodies.append(await request.json())
            return web.json_response(self.bodies[-1])
        if request.query.get("watch"):
            return await self._watch(request)
        if request.path.endswith("/pods"):
            return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": self.pods})
        return status(404, "NotFound")

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if self.expire_next_watch:
            self.expire_next_watch = False
            gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "old"}}
            await response.write(json.dumps(gone).encode() + b"\n")
            return response
        self.watching.set()
        while (event := await self.watch.get()) is not None:
            await response.write(json.dumps(event).encode() + b"\n")
        return response


@asynccontextmanager
async def small_api() -> AsyncIterator[tuple[SmallApi, Client]]:
    """A server on a free port and a client of it."""
    api = SmallApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with Client(Access(f"http://127.0.0.1:{port}", None, None), "tests") as client:
            yield api, client
    finally:
        api.cut()
        await runner.cleanup()
