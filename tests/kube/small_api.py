"""A small API server with faults: objects in memory, real HTTP, watches that drop, versions that expire.

It keeps what it is given and answers as Kubernetes' API conventions say; what a test plants goes wrong on top.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

Object = dict[str, Any]
Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


PLURALS = {
    *("pods", "events", "namespaces"),
    *("virtualmachines", "virtualmachineinstances", "virtualmachineinstancemigrations"),
}
API: web.AppKey[Any] = web.AppKey("api")


class SmallApi:
    """A server in a thread of its own. ``plant`` a fault, and the next request of that kind meets it first."""

    def __init__(self, folder: Path) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.version = 100
        self.requests: list[tuple[str, str]] = []
        self.log: list[tuple[int, str, str, Object]] = []
        self.oldest = 0
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._changed: asyncio.Condition | None = None
        self._watches: set[web.StreamResponse] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._started.wait(10)
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(self.port)))

    # -- what tests do

    def plant(self, kind: str, fault: Fault, times: int = 1) -> None:
        """``kind`` is an HTTP method, or ``watch``."""
        self._faults[kind] += [fault] * times

    def put(self, path: str, obj: Object, type: str = "MODIFIED") -> None:
        """Store an object as a controller would, and tell the watches."""
        asyncio.run_coroutine_threadsafe(self._store(path, obj, type), self._loop).result(10)

    def remove(self, path: str, name: str) -> None:
        """Take an object away."""
        self.put(path, self.objects[(path, name)], "DELETED")

    def drop_watches(self) -> None:
        """Cut all watches, without an end."""

        async def drop() -> None:
            for response in list(self._watches):
                transport = response._req.transport  # type: ignore[union-attr]
                if transport is not None:
                    transport.abort()

        asyncio.run_coroutine_threadsafe(drop(), self._loop).result(10)

    def forget_history(self) -> None:
        """From here on, older versions are gone."""
        self.oldest = self.version

    def watching(self) -> int:
        """Watches that are open."""
        return len(self._watches)

    def close(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    # -- the server

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Condition()
        self._stop = asyncio.Event()
        app = web.Application()
        app[API] = self
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        kind = "watch" if request.query.get("watch") == "true" else request.method
        self.requests.append((kind, request.path))
        if self._faults[kind]:
            answer = await self._faults[kind].pop(0)(request)
            if answer is not None:
                return answer
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.32.0"})
        if kind == "watch":
            return await self._watch(request)
        return await getattr(self, f"_{kind.lower()}")(request)

    async def _get(self, request: web.Request) -> web.Response:
        for (path, name), obj in self.objects.items():
            if request.path == f"{path}/{name}":
                return web.json_response(obj)
        if request.path.rpartition("/")[2] in PLURALS:
            items = [obj for (path, _), obj in self.objects.items() if path == request.path and _selected(obj, request)]
            start = int(request.query.get("continue", 0))
            size = int(request.query.get("limit", 0)) or len(items)
            metadata: Object = {"resourceVersion": str(self.version)}
            if start + size < len(items):
                metadata["continue"] = str(start + size)
            return web.json_response({"kind": "List", "metadata": metadata, "items": items[start : start + size]})
        return status(404, "NotFound", f"{request.path} not found")

    async def _post(self, request: web.Request) -> web.Response:
        obj = await request.json()
        if (request.path, obj["metadata"]["name"]) in self.objects:
            return status(409, "AlreadyExists", f"{obj['metadata']['name']} already exists")
        if request.query.get("dryRun") != "All":
            await self._store(request.path, obj, "ADDED")
        return web.json_response(obj, status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        path, _, name = request.path.rpartition("/")
        if (path, name) not in self.objects:
            return status(404, "NotFound", f"{name} not found")
        await self._store(path, self.objects[(path, name)], "DELETED")
        return web.json_response({"kind": "Status", "status": "Success"})

    async def _patch(self, request: web.Request) -> web.Response:
        path, _, name = request.path.rpartition("/")
        obj = self.objects[(path, name)]
        obj = {**obj, **await request.json(), "contentType": request.content_type}
        await self._store(path, obj, "MODIFIED")
        return web.json_response(obj)

    async def _store(self, path: str, obj: Object, type: str) -> None:
        assert self._changed is not None
        async with self._changed:
            self.version += 1
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
            if type == "DELETED":
                self.objects.pop((path, obj["metadata"]["name"]), None)
            else:
                self.objects[(path, obj["metadata"]["name"])] = obj
            self.log.append((self.version, path, type, obj))
            self._changed.notify_all()

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        assert self._changed is not None
        since = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        if since < self.oldest:
            error = json.loads(status(410, "Expired", "too old resource version").body)  # type: ignore[arg-type]
            await response.write(json.dumps({"type": "ERROR", "object": error}).encode() + b"\n")
            return response
        self._watches.add(response)
        try:
            while True:
                for version, path, type, obj in list(self.log):
                    if version > since and path == request.path and _selected(obj, request):
                        await response.write(json.dumps({"type": type, "object": obj}).encode() + b"\n")
                since = self.version
                async with self._changed:
                    async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                        await self._changed.wait_for(lambda known=since: self.version > known)
        except (TimeoutError, ConnectionResetError):
            return response
        finally:
            self._watches.discard(response)


def status(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """A refusal."""
    causes = [{"field": "spec.mtu", "reason": "FieldValueInvalid", "message": message}]
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": {"causes": causes}}
    return web.json_response(body, status=code, headers=headers)


def refuse(code: int, reason: str = "", headers: dict[str, str] | None = None) -> Fault:
    """A fault that answers so."""

    async def fault(request: web.Request) -> web.StreamResponse:
        return status(code, reason or "Planted", "planted", headers)

    return fault


def reset(after: bool = False) -> Fault:
    """A fault that cuts the connection; ``after`` the request has been carried out."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if after:
            api: SmallApi = request.app[API]
            await getattr(api, f"_{request.method.lower()}")(request)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return fault


def _selected(obj: Object, request: web.Request) -> bool:
    for selector in filter(None, request.query.get("fieldSelector", "").split(",")):
        path, _, value = selector.partition("=")
        found: Any = obj
        for part in path.split("."):
            found = (found or {}).get(part)
        if found != value:
            return False
    return True


def _kubeconfig(port: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "small",
        "contexts": [{"name": "small", "context": {"cluster": "small", "user": "someone"}}],
        "clusters": [{"name": "small", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "someone", "user": {"token": "a-token"}}],
    }
