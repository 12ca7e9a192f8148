"""A guest's serial console: one reader at a time, and a log of bounded size.

The hub reads whatever the guest writes, always, for a guest whose console nobody reads would stop. Who attaches is
given what comes from then on; a second client evicts the first, as in KubeVirt.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

_CHUNK = 65536
_LOG_LIMIT = 1 << 20
_BACKLOG_LIMIT = 4 << 20


class Attachment:
    """One client's hold on a console."""

    def __init__(self, hub: ConsoleHub) -> None:
        self._hub = hub
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting = 0
        self.evicted = False
        """Whether another client took the console."""

    async def read(self) -> bytes:
        """The guest's next output; empty when this hold has ended."""
        data = await self._output.get()
        self._waiting -= len(data)
        if not data:
            self._output.put_nowait(b"")  # it stays ended
        return data

    async def write(self, data: bytes) -> None:
        """Send to the guest. ``ConnectionError`` when it, or this hold, is gone."""
        await self._hub.write(self, data)

    def detach(self) -> None:
        """Let go of the console."""
        self._hub.release(self)

    def give(self, data: bytes) -> None:
        """For the hub: output of the guest. A client that reads nothing at all is dropped."""
        self._waiting += len(data)
        self._output.put_nowait(data if self._waiting <= _BACKLOG_LIMIT else b"")

    def end(self) -> None:
        """For the hub: no more output."""
        self._output.put_nowait(b"")


class ConsoleHub:
    """Owns the socket that is the guest's serial line."""

    def __init__(self, line: socket.socket, log: Path) -> None:
        self._line = line
        self._log = log
        self._logged = 0
        self._client: Attachment | None = None
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._line.setblocking(False)
        self._task = asyncio.create_task(self._pump())

    def attach(self) -> Attachment:
        """Take the console; whoever held it loses it. ``ConnectionError`` if the guest is gone."""
        if self._ended:
            raise ConnectionError("the guest's serial line is closed")
        if self._client is not None:
            self._client.evicted = True
            self._client.end()
        self._client = Attachment(self)
        return self._client

    async def tell(self, data: bytes) -> None:
        """Send to the guest on the lab's own behalf, before anybody holds the console."""
        await asyncio.get_running_loop().sock_sendall(self._line, data)

    def release(self, client: Attachment) -> None:
        """For an attachment: it is held no longer."""
        if self._client is client:
            self._client = None
        client.end()

    async def write(self, client: Attachment, data: bytes) -> None:
        """For an attachment: send to the guest."""
        if self._client is not client or self._ended:
            raise ConnectionError("the console was taken by another client, or its guest is gone")
        await asyncio.get_running_loop().sock_sendall(self._line, data)

    async def close(self) -> None:
        """Let the line go; a client sees the end of output."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._finish()

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self._line, _CHUNK):
                self._record(data)
                if self._client is not None:
                    self._client.give(data)
        except ConnectionError:
            pass  # QEMU was killed: the same as an end of the line
        finally:
            self._finish()

    def _finish(self) -> None:
        if not self._ended:
            self._ended = True
            self._line.close()
            if self._client is not None:
                self._client.end()

    def _record(self, data: bytes) -> None:
        # At the limit the log starts over, the full one beside it.
        if self._logged + len(data) > _LOG_LIMIT:
            self._log.replace(self._log.with_suffix(".log.1"))
            self._logged = 0
        with self._log.open("ab") as log:
            log.write(data)
        self._logged += len(data)
