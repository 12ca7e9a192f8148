"""An informer: a copy of a collection, kept up to date by a watch, that tells of each change.

Lists once, then watches from there. A watch that ends is resumed from the last version seen; when the server says
that this version is too old (410), the informer lists again and tells only of what differs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from lab.refusals import Expired, Refused
from lab.resources import Resource

if TYPE_CHECKING:
    from lab.client import Client

Object = dict[str, Any]
Callback = Callable[[Object | None, Object | None], None]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Informer:
    """A copy of a collection. Its objects are shared: copy before you change one."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        labels: str | None = None,
        fields: str | None = None,
        namespace: str | None = None,
    ) -> None:
        self.resource = resource
        self._client = client
        self._namespace = namespace
        self._labels, self._fields = labels, fields
        self._objects: dict[tuple[str, str], Object] = {}
        self._callbacks: list[Callback] = []
        self._version = ""
        self._synced = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def get(self, namespace: str | None, name: str) -> Object | None:
        """The object as last seen, or None; ``namespace`` is None for kinds without one."""
        return self._objects.get((namespace or "", name))

    def list(self) -> list[Object]:
        """Every object as last seen."""
        return list(self._objects.values())

    def on_change(self, callback: Callback) -> None:
        """Call ``callback(old, new)`` at each change, from the event loop; at once for what is known already.

        ``old`` is None for a new object, ``new`` is None for one that is gone.
        """
        self._callbacks.append(callback)
        for obj in self.list():
            callback(None, obj)

    async def start(self) -> None:
        """Begin, and return when the first list is in. Waits for a server that is not there yet."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"informer {self.resource.plural}")
        await self._synced.wait()

    async def stop(self) -> None:
        """End the watch; the copy stays as it was last."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def wait_for(
        self, namespace: str | None, name: str, predicate: Callable[[Object | None], bool]
    ) -> Object | None:
        """The object (None if gone) as soon as ``predicate`` holds for it; give a limit with ``asyncio.timeout``."""
        met = asyncio.Event()

        def look(old: Object | None, new: Object | None) -> None:
            metadata = (new or old or {}).get("metadata", {})
            if (metadata.get("namespace", ""), metadata.get("name")) == (namespace or "", name) and predicate(new):
                met.set()

        self._callbacks.append(look)
        try:
            while not predicate(current := self.get(namespace, name)):
                met.clear()
                await met.wait()
            return current
        finally:
            self._callbacks.remove(look)

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            before = self._version
            try:
                if not self._version:
                    await self._relist()
                await self._follow()
            except Expired:
                self._version = ""
                continue
            except (Refused, aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                _LOG.info("watch of %s: %s; trying again", self.resource.plural, error)
            # Progress since the last attempt means that the server is well: start over with the short pause.
            pause = _FIRST_PAUSE if self._version != before else min(_LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(pause)

    async def _relist(self) -> None:
        answer = await self._client.list(self.resource, self._namespace, self._labels, self._fields)
        fresh = {_key(item): _whole(item, self.resource) for item in answer.get("items") or ()}
        gone = [obj for key, obj in self._objects.items() if key not in fresh]
        for obj in gone:
            self._apply("DELETED", obj)
        for obj in fresh.values():
            self._apply("MODIFIED", obj)
        self._version = answer["metadata"]["resourceVersion"]
        self._synced.set()

    async def _follow(self) -> None:
        pairs = {"labelSelector": self._labels, "fieldSelector": self._fields, "resourceVersion": self._version}
        params = {key: value for key, value in pairs.items() if value}
        async for type_, obj in self._client.watch(self.resource, self._namespace, params):
            if type_ != "BOOKMARK":
                self._apply(type_, obj)
            self._version = obj["metadata"]["resourceVersion"]

    def _apply(self, type_: str, obj: Object) -> None:
        key = _key(obj)
        old = self._objects.get(key)
        new = None if type_ == "DELETED" else obj
        if new is not None and old is not None and _version(new) == _version(old):
            return
        if new is None:
            if self._objects.pop(key, None) is None:
                return
            old = obj  # the last state, as the server told it
        else:
            self._objects[key] = new
        for callback in tuple(self._callbacks):
            try:
                callback(old, new)
            except Exception:
                # One listener's mistake must not stop the others, nor the watch.
                _LOG.exception("a listener of %s failed", self.resource.plural)


def _key(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _version(obj: Object) -> Any:
    return obj["metadata"].get("resourceVersion")


def _whole(item: Object, resource: Resource) -> Object:
    # Items of a List carry no apiVersion and kind of their own.
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item}
