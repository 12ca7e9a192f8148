"""The virt-handler's side of a console and of pause, as small as can be: a websocket that greets and echoes."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
from aiohttp import web

from lab.client import Client
from lab.controllers.kubevirt import conditions
from lab.resources import VMIS

_PATH = "/v1/namespaces/{namespace}/virtualmachineinstances/{name}"


class Agent:
    """An HTTPS server as a node has one; commands typed on a console end it in several ways."""

    def __init__(self, client: Client, pki: Path) -> None:
        self._client = client
        self._pki = pki
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen; gives the endpoint."""
        app = web.Application()
        app.add_routes(
            [
                web.get(_PATH + "/console", self._console),
                web.put(_PATH + "/pause", self._pause),
                web.put(_PATH + "/unpause", self._unpause),
            ]
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self._pki / "ca.crt"))
        context.load_cert_chain(self._pki / "kubelet.crt", self._pki / "kubelet.key")
        context.verify_mode = ssl.CERT_REQUIRED
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        return f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _console(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("plain.kubevirt.io",))
        await socket.prepare(request)
        await socket.send_bytes(b"guest login: ")
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                continue
            if b"cut" in message.data and request.transport is not None:
                request.transport.abort()
                break
            if b"bye" in message.data:
                await socket.close()
                break
            await socket.send_bytes(b"<" + message.data + b">")
        return socket

    async def _pause(self, request: web.Request) -> web.Response:
        return await self._set_paused(request, True)

    async def _unpause(self, request: web.Request) -> web.Response:
        return await self._set_paused(request, False)

    async def _set_paused(self, request: web.Request, paused: bool) -> web.Response:
        place = (request.match_info["name"], request.match_info["namespace"])
        vmi = await self._client.get(VMIS, *place)
        if paused:
            conditions.put(vmi["status"], "Paused", "True", "PausedByUser", "VMI was paused by user")
        else:
            conditions.drop(vmi["status"], "Paused")
        await self._client.patch(VMIS, *place, {"status": {"conditions": vmi["status"]["conditions"]}})
        return web.Response()
