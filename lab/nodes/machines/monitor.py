"""A machine's monitor: QMP over a socket that QEMU was born with, its events as the machine's state."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from qemu.qmp import EventListener, ExecuteError, QMPClient, QMPError

_LOG = logging.getLogger(__name__)
_START_LIMIT = 30.0  # seconds to QEMU's greeting, on a machine with far too little processor

Data = dict[str, Any]


class MachineError(Exception):
    """A machine did not do what it was asked, or is gone."""


class Monitor:
    """QMP to one QEMU process. Every call raises :class:`MachineError` when QEMU refuses or is gone."""

    def __init__(self, name: str) -> None:
        self._client = QMPClient(name)
        self._client.logger = _LOG
        self._passing = asyncio.Lock()

    async def connect(self, line: socket.socket) -> None:
        """Take up the conversation on a connected socket."""
        try:
            async with asyncio.timeout(_START_LIMIT):
                await self._client.connect(line)
        except (QMPError, OSError, TimeoutError) as error:
            raise MachineError(f"QEMU does not answer its monitor: {error}") from error

    async def execute(self, command: str, **arguments: object) -> Any:
        """QEMU's answer to a command."""
        try:
            return await self._client.execute(command, arguments)
        except ExecuteError as error:
            raise MachineError(f"QEMU refuses {command}: {error}") from error
        except (QMPError, OSError, EOFError) as error:
            raise MachineError(f"QEMU is gone: {command} had no answer") from error

    async def pass_descriptor(self, name: str, descriptor: int) -> None:
        """Give QEMU an open file or socket, to be spoken of as ``fd:<name>``."""
        async with self._passing:
            try:
                self._client.send_fd_scm(descriptor)
            except OSError as error:
                raise MachineError("QEMU is gone: it takes no descriptor") from error
            await self.execute("getfd", fdname=name)

    @asynccontextmanager
    async def events(self, *names: str) -> AsyncIterator[EventListener]:
        """Listen to events of these names while the block runs."""
        with self._client.listener(names) as listener:
            yield listener

    async def close(self) -> None:
        """End the conversation."""
        with suppress(QMPError, OSError, EOFError):
            await self._client.disconnect()
