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
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import aiohttp

from lab.virtctl import streams
from lab.virtctl.api import Api, Refused

ESCAPE = 0x1D
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
            streams.show(sys.stderr.fileno(), banner.encode())
            ended_by_server = await _join(socket)
    finally:
        # The server may be gone: it is not waited for.
        await socket.close()
    if ended_by_server:
        _judge_end(socket.close_code)


def _judge_end(code: int | None) -> None:
    if code is None or code == _CUT:
        streams.show(sys.stderr.fileno(), _DISCONNECTED.encode())
        raise Refused(0, "websocket: close 1006 (abnormal closure): unexpected EOF")
    if code != _NORMAL:
        raise Refused(0, f"websocket: close {code}")


async def _connect(api: Api, name: str, minutes: float) -> aiohttp.ClientWebSocketResponse:
    """An open console; a VMI that does not run yet (400) is asked again every second."""
    deadline = time.monotonic() + minutes * 60
    while True:
        try:
            return await streams.connect(api, api.of_vmi(name, "console"))
        except Refused as refused:
            if refused.code != 400:
                raise
        if time.monotonic() + _RETRY_SECONDS > deadline:
            raise Refused(400, "Timeout trying to connect to the virtual machine instance")
        await asyncio.sleep(_RETRY_SECONDS)


async def _join(socket: aiohttp.ClientWebSocketResponse) -> bool:
    """Copy both ways; whether it was the other side that ended."""
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    with streams.typed(typed.put_nowait):
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
            streams.show(sys.stdout.fileno(), message.data)


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
