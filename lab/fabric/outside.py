"""A host beyond the cluster: ``python -m lab.fabric.outside ADDRESS…`` answers one line by TCP and UDP on port 8080."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import cast

from lab.config import OUTSIDE_PORT

ANSWER = b"outside\n"
_LINGER = 5.0  # seconds that a client has to end its side
_CHUNK = 4096


class _Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's own is no instance of that class.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(ANSWER, addr)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.write(ANSWER)
        writer.write_eof()
        # Closed on what nobody has read, a connection is reset, and the answer may be lost with it.
        async with asyncio.timeout(_LINGER):
            while await reader.read(_CHUNK):
                pass
    writer.close()


async def serve(addresses: Iterable[str]) -> None:
    """Answer until the process is told to end; sessions at any address, datagrams at these."""
    server = await asyncio.start_server(_answer, None, OUTSIDE_PORT)
    loop = asyncio.get_running_loop()
    for address in addresses:
        # A socket for all would answer from another of the host's addresses than was asked.
        await loop.create_datagram_endpoint(_Datagrams, local_addr=(address, OUTSIDE_PORT))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
