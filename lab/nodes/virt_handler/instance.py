"""One VMI as its node sees it and writes to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Literal

import aiohttp

from lab.client import Client, Conflict, Informer, NotFound, Refused
from lab.resources import VMIS

Object = dict[str, Any]
Change = Callable[[Object], Object | None]

_LOG = logging.getLogger(__name__)
_PAUSE = 0.5  # seconds between attempts to write while the API is away


class Instance:
    """A VMI, by name and UID: a later one of the same name is another."""

    def __init__(self, client: Client, vmis: Informer, namespace: str, name: str, uid: str) -> None:
        self._client = client
        self._vmis = vmis
        self.namespace, self.name, self.uid = namespace, name, uid

    @property
    def place(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def get(self) -> Object | None:
        """The VMI as last seen; None when it is gone."""
        return self._mine(self._vmis.get(self.namespace, self.name))

    async def wait_for(self, met: Callable[[Object], bool]) -> Object | None:
        """The VMI once ``met`` holds for it; None when it is gone before."""

        def look(vmi: Object | None) -> bool:
            mine = self._mine(vmi)
            return mine is None or met(mine)

        return self._mine(await self._vmis.wait_for(self.namespace, self.name, look))

    async def update(self, change: Change) -> Object | None:
        """Write what ``change`` makes of the VMI; None if that is nothing, or the VMI is gone.

        A write that comes too late is made again on the newest VMI, as often as it takes: this node alone knows
        what it has to tell.
        """
        vmi = self.get()
        while vmi is not None:
            fresh = change(vmi)
            if fresh is None or fresh == vmi:
                return fresh
            try:
                return await self._client.replace(VMIS, fresh)
            except NotFound:
                return None
            except Conflict:
                vmi = await self._read()
            except (Refused, aiohttp.ClientError, TimeoutError) as error:
                _LOG.warning("%s: its status was not written: %s; trying again", self.place, error)
                await asyncio.sleep(_PAUSE)
                vmi = await self._read()
        return None

    async def event(self, type_: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Record an event about the VMI."""
        vmi = self.get()
        if vmi is not None:
            await self._client.event(vmi, type_, reason, message)

    async def _read(self) -> Object | None:
        while True:
            try:
                return self._mine(await self._client.get(VMIS, self.name, self.namespace))
            except NotFound:
                return None
            except (Refused, aiohttp.ClientError, TimeoutError) as error:
                _LOG.warning("%s cannot be read: %s; trying again", self.place, error)
                await asyncio.sleep(_PAUSE)

    def _mine(self, vmi: Object | None) -> Object | None:
        return vmi if vmi is not None and vmi["metadata"]["uid"] == self.uid else None
