"""Orders to the supervisor of a lab that is up: a line each on a unix socket, answered by lines of progress.

An answer ends with a line ``done``, or ``failed`` and why. One order is carried out at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

Tell = Callable[[str], None]
Order = Callable[[Tell], Awaitable[None]]
SOCKET = "orders.sock"


class OrderFailed(Exception):
    """The supervisor did not carry an order out; one line that says why."""


class Orders:
    """The supervisor's side."""

    def __init__(self, state: Path, known: dict[str, Order]) -> None:
        """``known`` are the orders by name; each tells its steps while it is carried out."""
        self._path = state / SOCKET
        self._known = known
        self._one = asyncio.Lock()
        self._server: asyncio.Server | None = None

    async def serve(self) -> None:
        """Take orders from now on; the owner of the lab alone may give them."""
        before = os.umask(0o077)
        try:
            self._server = await asyncio.start_unix_server(self._answer, self._path)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Take none any more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(event: str, text: str = "") -> None:
            writer.write(json.dumps({"event": event, "text": text}).encode() + b"\n")

        try:
            order = self._known[(await reader.readline()).decode().strip()]
            # Who gave the order may go away: what was begun is carried out all the same.
            async with self._one:
                await order(lambda text: say("step", text))
            say("done")
        except Exception as error:
            say("failed", f"{type(error).__name__}: {error}")
        with suppress(OSError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()


def give(state: Path, order: str) -> Iterator[str]:
    """Have the supervisor carry an order out; gives a line for each step. Raises :class:`OrderFailed`."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(state / SOCKET))
            connection.sendall(f"{order}\n".encode())
        except OSError as error:
            raise OrderFailed(f"the lab's supervisor takes no orders: {error.strerror}") from error
        with connection.makefile() as lines:
            for line in lines:
                told = json.loads(line)
                if told["event"] == "done":
                    return
                if told["event"] == "failed":
                    raise OrderFailed(told["text"])
                yield told["text"]
    raise OrderFailed("the lab's supervisor ended meanwhile")
