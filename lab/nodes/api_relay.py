"""The API server as workloads find it: at the control plane's own address. Bytes are passed on as they are."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from lab import netns
from lab.config import API_PORT
from lab.nodes.context import NodeContext

_CHUNK = 65536


class ApiRelay:
    """Listens in the node's namespace, dials the API server in the host's."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; ``OSError`` if the port is taken."""
        listener = await netns.open_socket(self._context.netns)
        listener.bind(("", API_PORT))
        self._server = await asyncio.start_server(self._relay, sock=listener)

    async def stop(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._context.config.api_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
