"""Passes an upgraded connection (a websocket) through untouched, byte for byte.

The upgrade request is repeated to the other server. If that server agrees, its answer and all bytes from then on are
copied between the two connections, close frames and cuts among them; if it refuses, its answer goes back as it is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import web

from lab.apiserver.proxy.forwarding import passed_on
from lab.apiserver.upstreams import Address, unavailable

_CHUNK = 65536
_LARGEST_HEAD = 65536
_LARGEST_REFUSAL = 1 << 20
HANDSHAKE_SECONDS = 30.0


def is_upgrade(request: web.Request) -> bool:
    """Whether a client wants to leave HTTP behind."""
    return "upgrade" in request.headers.get("Connection", "").lower() and "Upgrade" in request.headers


class _ClientSide(asyncio.Protocol):
    """Takes the client's connection over from the HTTP server."""

    def __init__(
        self, former: asyncio.BaseProtocol, transport: asyncio.Transport, upstream: asyncio.StreamWriter
    ) -> None:
        self._former = former
        self._transport = transport
        self._upstream = upstream
        self._drained = asyncio.Event()
        self._drained.set()
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if not self._upstream.is_closing():
            self._upstream.write(data)

    def eof_received(self) -> bool:
        if self._upstream.can_write_eof() and not self._upstream.is_closing():
            self._upstream.write_eof()
        return False

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._drained.set()
        self._upstream.close()
        self._former.connection_lost(exc)

    async def send(self, data: bytes) -> None:
        """Write to the client once it has taken what was written before."""
        await self._drained.wait()
        if not self._transport.is_closing():
            self._transport.write(data)


async def tunnel(
    request: web.Request,
    address: Address,
    path: str,
    context: ssl.SSLContext,
    extra: Mapping[str, str | list[str]],
) -> web.StreamResponse:
    """Connect a client that wants to upgrade with ``path`` on another server; ``ApiError`` 503 if it is not there."""
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname=address.host, limit=_LARGEST_HEAD
            )
            writer.write(_request_head(request, address, path, extra))
            head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise unavailable(f"error trying to reach service: {error or type(error).__name__}") from error
    try:
        status, headers = _parse(head)
        if status != 101:
            return await _refusal(reader, status, headers)
        return await _relay(request, reader, writer, head)
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


def _request_head(request: web.Request, address: Address, path: str, extra: Mapping[str, str | list[str]]) -> bytes:
    headers = passed_on(request, extra)
    lines = [f"{request.method} {path} HTTP/1.1", f"Host: {address}", "Connection: Upgrade"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _parse(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest if line)
    return int(first.split()[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _refusal(reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> web.Response:
    """The other server's answer when it does not upgrade."""
    if "chunked" in headers.get("transfer-encoding", ""):
        body = await _chunked(reader)
    else:
        body = await reader.readexactly(min(int(headers.get("content-length") or 0), _LARGEST_REFUSAL))
    response = web.Response(status=status, body=body)
    if kind := headers.get("content-type"):
        response.headers["Content-Type"] = kind
    return response


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < _LARGEST_REFUSAL:
        size = int((await reader.readline()).split(b";")[0] or b"0", 16)
        if size == 0:
            break
        body += await reader.readexactly(size)
        await reader.readline()
    return body


async def _relay(
    request: web.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes
) -> web.StreamResponse:
    transport = request.transport
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionResetError("the client hung up")
    client = _ClientSide(transport.get_protocol(), transport, writer)
    transport.set_protocol(client)
    await client.send(head)
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            await client.send(data)
    transport.close()
    # The HTTP server learns of the end as of any other connection's, and sends nothing more.
    return web.Response()
