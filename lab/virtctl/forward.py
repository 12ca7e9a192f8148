"""``virtctl port-forward``: a websocket for each connection to a port of a VM; virt-api dials the VM.

Source of the wire and of the words: KubeVirt's ``pkg/virtctl/portforward``.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from lab.virtctl import streams
from lab.virtctl.api import Api, Refused

_VMS = ("vm", "vms", "virtualmachine", "virtualmachines")
_VMIS = ("vmi", "vmis", "virtualmachineinstance", "virtualmachineinstances")
_CHUNK = 65536


@dataclass(frozen=True)
class Target:
    """A VM or VMI; ``kind`` is ``vm`` or ``vmi``."""

    kind: str
    name: str
    namespace: str

    @classmethod
    def read(cls, text: str, namespace: str) -> Target:
        """From ``kind/name[/namespace]``; ``Refused`` if it is none."""
        kind, _, rest = text.partition("/")
        name, _, place = rest.partition("/")
        short = "vm" if kind.lower() in _VMS else "vmi" if kind.lower() in _VMIS else ""
        if not short or not name:
            raise Refused(0, f"target must be vm/name or vmi/name, with /namespace if wanted, not {text!r}")
        return cls(short, name, place or namespace)

    def path(self, port: int) -> str:
        """The path of the stream to one of its ports."""
        kind = "virtualmachines" if self.kind == "vm" else "virtualmachineinstances"
        base = f"/apis/subresources.kubevirt.io/v1/namespaces/{self.namespace}"
        return f"{base}/{kind}/{self.name}/portforward/{port}/tcp"

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}.{self.namespace}"


async def run(api: Api, target: Target, ports: str, stdio: bool, address: str) -> None:
    """Forward until the connection ends (``stdio``), or for ever; ``Refused`` when it cannot be had."""
    found = re.fullmatch(r"(?:tcp/)?(\d+)(?::(\d+))?", ports.lower())
    if found is None:
        raise Refused(0, f"port must be [tcp/]local[:remote], not {ports!r}")
    local, remote = int(found[1]), int(found[2] or found[1])
    if stdio:
        await _join_stdio(await streams.connect(api, target.path(remote)))
        return

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _join(await _open(api, target, remote), reader, writer)
        except Refused as refused:
            print(refused, file=sys.stderr)
        finally:
            writer.close()

    server = await asyncio.start_server(forward, address, local)
    print(f"forwarding tcp {address}:{local} to {remote}", flush=True)
    async with server:
        await server.serve_forever()


async def _open(api: Api, target: Target, port: int) -> aiohttp.ClientWebSocketResponse:
    try:
        return await streams.connect(api, target.path(port))
    except Refused as refused:
        raise Refused(refused.code, f"can't access {target}: {refused}") from refused


async def _join_stdio(socket: aiohttp.ClientWebSocketResponse) -> None:
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def send() -> None:
        while data := await said.get():
            await socket.send_bytes(data)

    async def receive() -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                streams.show(sys.stdout.fileno(), message.data)

    with streams.typed(said.put_nowait):
        await _until_either(socket, send(), receive())


async def _join(
    socket: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async def send() -> None:
        while data := await reader.read(_CHUNK):
            await socket.send_bytes(data)

    async def receive() -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                writer.write(message.data)
                await writer.drain()

    await _until_either(socket, send(), receive())


async def _until_either(socket: aiohttp.ClientWebSocketResponse, *halves: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(half) for half in halves]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task
        await socket.close()
