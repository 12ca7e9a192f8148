"""Console and port-forward: a client's websocket joined to a guest's serial line, or to a port of the VM."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import web

from lab.client import Client
from lab.controllers.kubevirt import conditions, phases
from lab.controllers.kubevirt.virtapi import dial
from lab.controllers.kubevirt.virtapi.answers import Refusal, bad_request, conflict, internal
from lab.controllers.kubevirt.virtapi.handlers import CONSOLE_PROTOCOL, VirtHandlers
from lab.controllers.kubevirt.virtapi.objects import VMI, Objects, place
from lab.faults.seams import Faults

Object = dict[str, Any]
Fetch = Callable[[str, str], Awaitable[Object]]

_LOG = logging.getLogger(__name__)
_CUT = 1006  # what a websocket reports that ended without a close frame
_PINGS_EVERY = 10.0


class Streams:
    """Handlers that upgrade to a websocket; whatever can fail fails before the upgrade, as a Status."""

    def __init__(self, client: Client, handlers: VirtHandlers, faults: Faults, netns: str | None) -> None:
        """``netns``: the network namespace from which VMs are dialled; None for the present one."""
        self.objects = Objects(client)
        self._handlers = handlers
        self._faults = faults
        self._netns = netns

    async def console(self, request: web.Request) -> web.StreamResponse:
        """The VMI's serial console."""
        name, namespace = place(request)
        vmi = await self.objects.vmi(name, namespace)
        _check_console(vmi)
        far = await self._handlers.stream(vmi, "console")
        try:
            near = await _upgraded(request)
            await _join(near, far)
            await _end(request, near, far.close_code)
        finally:
            await far.close()
        return near

    async def no_display(self, request: web.Request) -> web.StreamResponse:
        """The lab's VMs have no graphics device."""
        await self.objects.vmi(*place(request))
        raise Refusal(404, "NotFound", "No graphics devices are present: the lab's VMs have a serial console only.")

    def port_forward(self, fetch: Fetch) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A handler for a port of the VM whose VMI ``fetch`` finds."""

        async def forward(request: web.Request) -> web.StreamResponse:
            vmi = await fetch(*place(request))
            if conditions.find(vmi, "Paused") is not None:
                raise conflict(VMI, vmi["metadata"]["name"], "VMI is paused")
            address, port = _target(vmi, request.match_info["port"])
            protocol = request.match_info.get("protocol", "tcp")
            start = (self._netns, address)
            netns, address = self._faults.decide("vm.port-forward-target", start, vmi=vmi)
            try:
                connection = await dial.connect(netns, protocol, address, port)
            except OSError as error:
                reason = os.strerror(error.errno) if error.errno else str(error)
                why = "i/o timeout" if isinstance(error, TimeoutError) else f"connect: {reason.lower()}"
                raise internal(f"dialing VM: dial {protocol} {address}:{port}: {why}") from error
            near = await _upgraded(request, heartbeat=_PINGS_EVERY)
            try:
                await _join_connection(near, connection)
            finally:
                connection.close()
            await near.close()
            return near

        return forward


def _check_console(vmi: Object) -> None:
    devices = vmi["spec"]["domain"].get("devices") or {}
    if devices.get("autoattachSerialConsole") is False:
        raise bad_request("No serial consoles are present.")
    if phases.phase(vmi) == "Failed":
        raise conflict(VMI, vmi["metadata"]["name"], "VMI is in failed status")
    if phases.phase(vmi) != "Running":
        raise bad_request("VMI is not running")


def _target(vmi: Object, port: str) -> tuple[str, int]:
    interfaces = (vmi.get("status") or {}).get("interfaces") or ()
    if not interfaces:
        raise bad_request("no network interfaces are present")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise bad_request(f"not a port: {port}")
    return str(interfaces[0].get("ipAddress", "")), int(port)


async def _upgraded(request: web.Request, heartbeat: float | None = None) -> web.WebSocketResponse:
    near = web.WebSocketResponse(protocols=(CONSOLE_PROTOCOL,), max_msg_size=0, compress=False, heartbeat=heartbeat)
    if not near.can_prepare(request):
        raise bad_request("websocket: the client is not using the websocket protocol")
    await near.prepare(request)
    return near


async def _join(near: web.WebSocketResponse, far: aiohttp.ClientWebSocketResponse) -> None:
    """Copy both ways until either side ends."""

    async def to_guest() -> None:
        async for message in near:
            if message.type is aiohttp.WSMsgType.BINARY:
                await far.send_bytes(message.data)

    async def to_client() -> None:
        async for message in far:
            if message.type is aiohttp.WSMsgType.BINARY:
                await near.send_bytes(message.data)

    await _first_of(to_guest(), to_client())


async def _join_connection(near: web.WebSocketResponse, connection: dial.Connection) -> None:
    async def to_vm() -> None:
        async for message in near:
            if message.type is aiohttp.WSMsgType.BINARY:
                await connection.send(message.data)

    async def to_client() -> None:
        while data := await connection.receive():
            await near.send_bytes(data)

    await _first_of(to_vm(), to_client())


async def _first_of(*halves: Any) -> None:
    tasks = [asyncio.ensure_future(half) for half in halves]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, ConnectionError, OSError):
                await task


async def _end(request: web.Request, near: web.WebSocketResponse, code: int | None) -> None:
    """End the client's side as the guest's side ended: with its close code, or, when it was cut, by a cut."""
    if near.closed or request.transport is None:
        return
    if code is None or code == _CUT:
        _LOG.info("%s was cut by the VMI's node", request.path)
        request.transport.abort()
    else:
        await near.close(code=code)
