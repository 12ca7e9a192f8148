"""What a virt-handler serves to virt-api: the console, and what is done to a running guest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

from lab.nodes.machines.console import Attachment
from lab.nodes.machines.monitor import MachineError
from lab.nodes.virt_handler.guest import Guest

Find = Callable[[str, str], Guest | None]

PROTOCOL = "plain.kubevirt.io"
_BASE = "/v1/namespaces/{namespace}/virtualmachineinstances/{name}"
_LOG = logging.getLogger(__name__)


class Routes:
    """Handlers for the guests that ``find`` finds by namespace and name."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def table(self) -> list[web.AbstractRouteDef]:
        """The routes, to be served beside the kubelet's."""
        actions: dict[str, Callable[[Guest], Awaitable[object]]] = {
            "pause": lambda guest: guest.pause(),
            "unpause": lambda guest: guest.resume(),
            "reset": lambda guest: guest.machine.monitor.execute("system_reset"),
            "softreboot": _no_agent,
            "freeze": _no_agent,
            "unfreeze": _no_agent,
        }
        puts = [web.put(f"{_BASE}/{name}", self._action(act)) for name, act in actions.items()]
        return [web.get(f"{_BASE}/console", self._console), *puts]

    def _guest(self, request: web.Request) -> Guest:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        guest = self._find(namespace, name)
        if guest is None:
            raise web.HTTPNotFound(text=f"VMI {namespace}/{name} does not run on this node")
        return guest

    def _action(self, act: Callable[[Guest], Awaitable[object]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                await act(self._guest(request))
            except MachineError as error:
                raise web.HTTPInternalServerError(text=str(error)) from error
            return web.Response(status=200)

        return handle

    async def _console(self, request: web.Request) -> web.StreamResponse:
        guest = self._guest(request)
        try:
            client = guest.machine.console.attach()
        except (MachineError, ConnectionError) as error:
            raise web.HTTPInternalServerError(text=str(error)) from error
        socket = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=0, compress=False)
        try:
            await socket.prepare(request)
            await _join(socket, client)
        finally:
            client.detach()
        if not socket.closed and request.transport is not None:
            # As KubeVirt's: whoever loses the console, to another client or with its guest, sees no close frame.
            _LOG.info("console of %s: %s", guest.instance.place, "evicted" if client.evicted else "its guest is gone")
            request.transport.close()
        return socket


async def _join(socket: web.WebSocketResponse, client: Attachment) -> None:
    async def to_guest() -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                await client.write(message.data)

    async def to_client() -> None:
        while data := await client.read():
            await socket.send_bytes(data)

    halves = {asyncio.create_task(to_guest()), asyncio.create_task(to_client())}
    try:
        await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for half in halves:
            half.cancel()
        await asyncio.gather(*halves, return_exceptions=True)


async def _no_agent(guest: Guest) -> None:
    raise MachineError(f"the guest of {guest.instance.place} has no agent that could be asked")
