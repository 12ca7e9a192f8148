"""A stream of a VM joined to this process: a websocket on one side, what is typed and what is shown on the other."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp

from lab.virtctl.api import Api, Refused, message_of

_PROTOCOL = "plain.kubevirt.io"
_LARGEST_READ = 32768


async def connect(api: Api, path: str) -> aiohttp.ClientWebSocketResponse:
    """An open stream; ``Refused`` with the server's own words when it cannot be had."""
    try:
        return await api.session.ws_connect(
            api.access.server + path,
            protocols=(_PROTOCOL,),
            max_msg_size=0,
            compress=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
        )
    except aiohttp.WSServerHandshakeError as error:
        # The refusal of an upgrade comes without its body: ask once more, plainly, for the reason.
        raise await _reason(api, path, error) from error


async def _reason(api: Api, path: str, error: aiohttp.WSServerHandshakeError) -> Refused:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "bGFiIHZpcnRjdGwgc2F5cw==",
        "Sec-WebSocket-Protocol": _PROTOCOL,
    }
    async with api.session.get(api.access.server + path, headers=headers) as response:
        if response.status < 400:
            return Refused(400, "the stream came to be while its refusal was asked about")
        return Refused(response.status, message_of(await response.text()) or error.message)


@contextmanager
def typed(take: Callable[[bytes], None]) -> Iterator[None]:
    """Hand what is typed to ``take``, an empty string at the end of the input."""
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()

    def ready() -> None:
        data = os.read(descriptor, _LARGEST_READ)
        if not data:
            loop.remove_reader(descriptor)
        take(data)

    try:
        loop.add_reader(descriptor, ready)
    except PermissionError:
        # A regular file is always ready, and epoll takes none.
        with open(descriptor, "rb", closefd=False) as file:
            take(file.read())
        take(b"")
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


def show(descriptor: int, data: bytes) -> None:
    """Write all of it, even where the descriptor does not wait."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # A terminal shared with others may have been set non-blocking.
            time.sleep(0.001)
