"""A host beyond the cluster: ``python -m lab.fabric.outside`` answers one line by TCP and UDP on port 8080."""

from __future__ import annotations

import asyncio

from lab.config import OUTSIDE_PORT, Families

ANSWER = b"outside\n"


class _Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(ANSWER, addr)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        writer.write(ANSWER)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except ConnectionError:
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
