"""Connections that leave from a network namespace, as those of a pod on the default network would."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

from lab import netns

_CONNECT_SECONDS = 10.0
_LARGEST_READ = 65536


class Connection:
    """A TCP connection, or a UDP socket with one peer."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    async def send(self, data: bytes) -> None:
        """Send all of ``data``; ``OSError`` when the connection is gone."""
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        """What arrived next; empty at the end, also when the peer cut the connection."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, _LARGEST_READ)
        except ConnectionError:
            return b""

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


async def connect(namespace: str | None, protocol: str, address: str, port: int) -> Connection:
    """A connection to ``address`` from a named network namespace (None: the present one).

    ``OSError`` when it cannot be had, ``TimeoutError`` (an ``OSError``) after ten seconds.
    """
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}.get(protocol)
    if kind is None:
        raise OSError(f"unknown network {protocol}")
    try:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    except ValueError as error:
        raise OSError(f"missing address: {address!r}") from error
    sock = socket.socket(family, kind) if namespace is None else await netns.open_socket(namespace, family, kind)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return Connection(sock)
