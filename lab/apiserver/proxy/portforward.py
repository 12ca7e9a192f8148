"""``kubectl port-forward``: SPDY inside a websocket on the client's side, a websocket a connection on the node's side.

The client opens two SPDY streams a connection (headers ``streamtype`` data and error, ``port``, ``requestid``). The
node takes one websocket (``v4.channel.k8s.io``) for each: channel 0 data, 1 errors, after two bytes of port.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import struct
import zlib
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from lab.apiserver.proxy.spdy import GOAWAY, PING, RST_STREAM, SYN_STREAM, Frame, Framing

LOG = logging.getLogger(__name__)
PROTOCOL = "SPDY/3.1+portforward.k8s.io"
CHANNELS = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_PORT_BYTES = 2


def is_port_forward(request: web.Request) -> bool:
    """Whether a client speaks SPDY in a websocket."""
    return PROTOCOL in [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


@dataclass(frozen=True)
class Target:
    """Where connections go: a node's URL for the pod, and TLS towards it."""

    url: str
    context: ssl.SSLContext


class PortForward:
    """Serves port forwarding over one client connection, for any number of connections within."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def serve(self, request: web.Request, url: str, context: ssl.SSLContext) -> web.StreamResponse:
        """Accept the websocket and serve it until the client leaves."""
        socket = web.WebSocketResponse(protocols=(PROTOCOL,), compress=False)
        await socket.prepare(request)
        client = _Client(socket, self._session, Target(url, context))
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    await client.receive(message.data)
        except (zlib.error, struct.error, ValueError) as error:
            LOG.warning("port forwarding ended: unreadable SPDY: %s", error)
        finally:
            await client.end()
        return socket


class _Client:
    """One client and its connections."""

    def __init__(self, socket: web.WebSocketResponse, session: aiohttp.ClientSession, target: Target) -> None:
        self._socket = socket
        self._session = session
        self._target = target
        self._framing = Framing()
        self._error_streams: dict[str, int] = {}
        self._lanes: dict[int, asyncio.Queue[bytes]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def receive(self, data: bytes) -> None:
        """Take bytes of the SPDY connection."""
        for frame in self._framing.feed(data):
            await self._take(frame)

    async def end(self) -> None:
        """Close every connection."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, frame: Frame) -> None:
        if frame.kind == 0:
            if (lane := self._lanes.get(frame.stream)) is not None and frame.payload:
                lane.put_nowait(frame.payload)
        elif frame.kind == SYN_STREAM:
            await self._open(frame)
        elif frame.kind == RST_STREAM:
            if (task := self._tasks.get(frame.stream)) is not None:
                task.cancel()
        elif frame.kind == PING:
            await self._send(self._framing.pong(frame.stream))
        elif frame.kind == GOAWAY:
            await self._socket.close()

    async def _open(self, frame: Frame) -> None:
        await self._send(self._framing.reply(frame.stream))
        request_id = frame.headers.get("requestid", "")
        if frame.headers.get("streamtype") == "error":
            self._error_streams[request_id] = frame.stream
            return
        self._lanes[frame.stream] = asyncio.Queue()
        errors = self._error_streams.pop(request_id, 0)
        lane = self._connect(frame.stream, errors, frame.headers.get("port", ""))
        self._tasks[frame.stream] = asyncio.create_task(lane)

    async def _connect(self, stream: int, errors: int, port: str) -> None:
        """Carry one connection until either side ends it."""
        said = b""
        try:
            async with self._session.ws_connect(
                f"{self._target.url}?ports={int(port)}", ssl=self._target.context, protocols=(CHANNELS,), max_msg_size=0
            ) as node:
                upward = asyncio.create_task(self._upward(stream, node))
                try:
                    said = await self._downward(stream, node)
                finally:
                    upward.cancel()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            said = f"error forwarding port {port}: {error}".encode()
        finally:
            self._lanes.pop(stream, None)
            self._tasks.pop(stream, None)
        with contextlib.suppress(ConnectionError):
            if errors:
                await self._send(self._framing.data(errors, said, final=True))
            await self._send(self._framing.data(stream, b"", final=True))

    async def _upward(self, stream: int, node: aiohttp.ClientWebSocketResponse) -> None:
        lane = self._lanes[stream]
        with contextlib.suppress(ConnectionError):
            while True:
                await node.send_bytes(bytes([_DATA]) + await lane.get())

    async def _downward(self, stream: int, node: aiohttp.ClientWebSocketResponse) -> bytes:
        """Copy what the node sends; gives what it said on the channel of errors."""
        to_skip = {_DATA: _PORT_BYTES, _ERROR: _PORT_BYTES}
        said = b""
        async for message in node:
            if message.type != aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, payload = message.data[0], message.data[1:]
            skipped = min(to_skip.get(channel, 0), len(payload))
            to_skip[channel] = to_skip.get(channel, 0) - skipped
            payload = payload[skipped:]
            if channel == _ERROR:
                said += payload
            elif payload:
                await self._send(self._framing.data(stream, payload))
        return said

    async def _send(self, data: bytes) -> None:
        if not self._socket.closed:
            await self._socket.send_bytes(data)
