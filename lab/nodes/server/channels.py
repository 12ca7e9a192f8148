"""Kubernetes' streams over one WebSocket: the first byte of a frame says which stream its rest belongs to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
PROTOCOLS = (V5, V4)
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255

_CHUNK = 32768


@dataclass(frozen=True)
class Channels:
    """A WebSocket whose frames carry channels."""

    socket: web.WebSocketResponse

    @classmethod
    async def accept(cls, request: web.Request) -> Channels:
        """Upgrade a request; :class:`aiohttp.web.HTTPBadRequest` if it speaks none of the protocols."""
        asked = {part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
        if not asked & set(PROTOCOLS):
            raise web.HTTPBadRequest(text=f"streams need a WebSocket that speaks {V5} or {V4}")
        socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0, compress=False)
        await socket.prepare(request)
        return cls(socket)

    async def send(self, channel: int, data: bytes) -> None:
        """Send bytes on a channel; ``ConnectionError`` when the peer is gone."""
        for start in range(0, len(data), _CHUNK):
            await self.socket.send_bytes(bytes([channel]) + data[start : start + _CHUNK])

    async def received(self) -> AsyncIterator[tuple[int, bytes]]:
        """What comes, until the peer goes. ``(CLOSE, b"\\0")`` says that channel 0 ends (v5)."""
        async for message in self.socket:
            if message.type is WSMsgType.BINARY and message.data:
                yield message.data[0], message.data[1:]
            elif message.type is WSMsgType.TEXT and message.data:
                yield ord(message.data[0]), message.data[1:].encode()

    async def finish(self, status: dict[str, Any]) -> None:
        """Send the outcome on the error channel and close."""
        await self.send(ERROR, json.dumps(status).encode())
        await self.socket.close()


def outcome(exit_code: int) -> dict[str, Any]:
    """The ``Status`` that tells a client how a command ended."""
    if exit_code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {exit_code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(exit_code)}]},
    }
