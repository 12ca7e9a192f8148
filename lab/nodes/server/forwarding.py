"""``/portForward``: connections to a pod's own 127.0.0.1, made inside its network namespace as the kubelet does."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from lab import netns
from lab.nodes.pods import PodKeeper
from lab.nodes.server.channels import V4, Channels
from lab.nodes.server.lookup import find_pod

_CHUNK = 65536


class Forwarding:
    """The handler. Over a WebSocket each port has two channels: 2n for data, 2n + 1 for what goes wrong."""

    def __init__(self, keeper: PodKeeper) -> None:
        self._keeper = keeper

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Query: ``ports=80&ports=81`` or ``ports=80,81``; the first two bytes sent on each channel are its port."""
        worker = find_pod(self._keeper, request)
        if worker.home is None:
            raise web.HTTPBadRequest(text=f'pod "{request.match_info["pod"]}" does not run')
        ports = _ports(request)
        channels = await Channels.accept(request)
        inputs: list[asyncio.Queue[bytes]] = [asyncio.Queue() for _ in ports]
        tasks = []
        for number, port in enumerate(ports):
            for channel in (2 * number, 2 * number + 1):
                await channels.send(channel, port.to_bytes(2, "little"))
            lane = _lane(channels, 2 * number, worker.home.sandbox.netns, port, inputs[number])
            tasks.append(asyncio.create_task(lane))
        try:
            async for channel, data in channels.received():
                if channel % 2 == 0 and channel // 2 < len(ports):
                    inputs[channel // 2].put_nowait(data)
        finally:
            for task in tasks:
                task.cancel()
        return channels.socket


async def _lane(channels: Channels, channel: int, namespace: str, port: int, sent: asyncio.Queue[bytes]) -> None:
    try:
        reader, writer = await netns.connect(namespace, "127.0.0.1", port)
    except OSError as error:
        message = f"failed to connect to localhost:{port} inside namespace {namespace}: {error.strerror or error}"
        with suppress(ConnectionError):
            await channels.send(channel + 1, message.encode())
            await channels.socket.close()
        return
    upward = asyncio.create_task(_upward(writer, sent))
    try:
        while data := await reader.read(_CHUNK):
            await channels.send(channel, data)
        await channels.socket.close()
    except ConnectionError:
        pass
    finally:
        upward.cancel()
        writer.close()


async def _upward(writer: asyncio.StreamWriter, sent: asyncio.Queue[bytes]) -> None:
    with suppress(ConnectionError):
        while True:
            writer.write(await sent.get())
            await writer.drain()


def _ports(request: web.Request) -> list[int]:
    words = [word for value in request.query.getall("ports", []) for word in value.split(",") if word]
    try:
        ports = [int(word) for word in words]
    except ValueError:
        ports = []
    if not ports or not all(0 < port < 65536 for port in ports):
        raise web.HTTPBadRequest(text=f"query parameter ports must give port numbers (over {V4}), got {words}")
    return ports
