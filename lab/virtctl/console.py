"""The serial console of a VMI: a websocket joined to this terminal.

Ends with the escape byte 0x1d (Ctrl+]) when it is the first of what was read, with the end of the input, or with the
other side's.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import aiohttp

from lab.virtctl.api import Api, Refused, message_of

ESCAPE = 0x1D
_PROTOCOL = "plain.kubevirt.io"
_LARGEST_READ = 1024
_RETRY_SECONDS = 1.0
_NORMAL = 1000
_CUT = 1006
_DISCONNECTED = """
You were disconnected from the console. This could be caused by one of the following:
 - the target VM was powered off
 - another user connected to the console of the target VM
 - network issues
"""


async def run(api: Api, name: str, minutes: float) -> None:
    """Join the console to this terminal until one side ends; ``Refused`` when it cannot be had or was cut."""
    socket = await _connect(api, name, minutes)
    try:
        with _raw_terminal():
            banner = f"Successfully connected to {name} console. Press Ctrl+] or Ctrl+5 to exit console.\n"
            _write(sys.stderr.fileno(), banner.encode())
            ended_by_server = await _join(socket)
    finally:
        # The server may be gone: it is not waited for.
        await socket.close()
    if ended_by_server:
        _judge_end(socket.close_code)


def _judge_end(code: int | None) -> None:
    if code is None or code == _CUT:
        _write(sys.stderr.fileno(), _DISCONNECTED.encode())
        raise Refused(0, "websocket: close 1006 (abnormal closure): unexpected EOF")
    if code != _NORMAL:
        raise Refused(0, f"websocket: close {code}")


async def _connect(api: Api, name: str, minutes: float) -> aiohttp.ClientWebSocketResponse:
    """An open console; a VMI that does not run yet (400) is asked again every second."""
    deadline = time.monotonic() + minutes * 60
    while True:
        try:
            return await _connect_once(api, name)
        except Refused as refused:
            if refused.code != 400:
                raise
        if time.monotonic() + _RETRY_SECONDS > deadline:
            raise Refused(400, "Timeout trying to connect to the virtual machine instance")
        await asyncio.sleep(_RETRY_SECONDS)


async def _connect_once(api: Api, name: str) -> aiohttp.ClientWebSocketResponse:
    url = api.access.server + api.of_vmi(name, "console")
    try:
        return await api.session.ws_connect(
            url, protocols=(_PROTOCOL,), max_msg_size=0, compress=0, timeout=aiohttp.ClientWSTimeout(ws_close=0.5)
        )
    except aiohttp.WSServerHandshakeError as error:
        # The refusal of an upgrade comes without its body: ask once more, plainly, for the reason.
        raise await _reason(api, name, error) from error


async def _reason(api: Api, name: str, error: aiohttp.WSServerHandshakeError) -> Refused:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "bGFiIHZpcnRjdGwgc2F5cw==",
        "Sec-WebSocket-Protocol": _PROTOCOL,
    }
    url = api.access.server + api.of_vmi(name, "console")
    async with api.session.get(url, headers=headers) as response:
        if response.status < 400:
            return Refused(400, "the console came to be while its refusal was asked about")
        return Refused(response.status, message_of(await response.text()) or error.message)


async def _join(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Copy both ways; whether it was the other side that ended."""
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    with _input(typed.put_nowait):
        sending = asyncio.create_task(_send(socket, typed))
        receiving = asyncio.create_task(_receive(socket))
        done, pending = await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return receiving in done


async def _send(socket: aiohttp.ClientWebSocketResponse, typed: asyncio.Queue[bytes]) -> None:
    while data := await typed.get():
        if data[0] == ESCAPE:
            return
        await socket.send_bytes(data)


async def _receive(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            _write(sys.stdout.fileno(), message.data)


@contextmanager
def _input(take: Callable[[bytes], None]) -> Iterator[None]:
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


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """A terminal that passes every key on at once; put back afterwards. No terminal: nothing to do."""
    descriptor = sys.stdin.fileno()
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # A terminal shared with others may have been set non-blocking.
            time.sleep(0.001)
