"""A host beyond the cluster: ``python -m lab.fabric.outside`` answers one line by TCP and UDP on port 8080."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from lab.config import OUTSIDE_PORT, Families

ANSWER = b"outside\n"
_LINGER = 5.0  # seconds that a client has to end its side
_CHUNK = 4096


class _Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

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


async def serve() -> None:
    """Answer until the process is told to end."""
    server = await asyncio.start_server(_answer, None, OUTSIDE_PORT)
    # One socket of IPv6 takes datagrams of IPv4 as well.
    everywhere = "::" if Families.of_this_kernel() is Families.DUAL else "0.0.0.0"
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(_Datagrams, local_addr=(everywhere, OUTSIDE_PORT))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
