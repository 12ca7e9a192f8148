"""The API client of the lab's controllers and nodes: asynchronous, raw dicts, resources as constants.

Calls that fail for no fault of the request (the server is not there yet, 429, 502 to 504) are tried again with
back-off; a call that may have been carried out is tried again only if doing it twice is the same as doing it once.
Raises :class:`Refused` (:class:`NotFound`, :class:`Conflict`, :class:`AlreadyExists`, :class:`Expired`) for an answer
of the API, ``aiohttp.ClientError`` when no answer could be had.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import aiohttp
import orjson

from lab.events import EventRecorder
from lab.faults.seams import Faults
from lab.informer import Informer
from lab.kubeconfig import Access, load_access
from lab.refusals import AlreadyExists, Conflict, Expired, NotFound, Refused, refusal
from lab.resources import Resource

__all__ = ["AlreadyExists", "Client", "Conflict", "Expired", "Informer", "NotFound", "Object", "Refused"]

Object = dict[str, Any]
PatchType = Literal["merge", "json", "strategic", "apply"]

_LOG = logging.getLogger(__name__)
_PATCH_TYPES: dict[str, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
_BUSY = frozenset({429, 502, 503, 504})
_REQUEST_SECONDS = 35.0  # longer than an admission webhook may take (30 s)
_CONNECT_SECONDS = 5.0
_ATTEMPTS = 8
_LONGEST_PAUSE = 1.0


class Client:
    """One connection pool to one API server, under one name. Close it, or use it as ``async with``."""

    def __init__(self, access: Access, user_agent: str, faults: Faults | None = None) -> None:
        """``faults``: when given, each object written passes the seam ``api.<Kind>`` on its way."""
        self.user_agent = user_agent
        self._access = access
        self._faults = faults or Faults.none()
        self._session: aiohttp.ClientSession | None = None
        self._recorder = EventRecorder(self)

    @classmethod
    def from_kubeconfig(cls, path: Path, user_agent: str, faults: Faults | None = None) -> Client:
        """A client for a kubeconfig's current context; errors as :func:`lab.kubeconfig.load_access`."""
        return cls(load_access(path), user_agent, faults)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every connection; watches end with it."""
        if self._session is not None:
            await self._session.close()

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, subresource: str | None = None
    ) -> Object:
        """One object, or its subresource."""
        return await self.request("GET", resource.path(namespace, name, subresource))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        labels: str | None = None,
        fields: str | None = None,
    ) -> Object:
        """The List of a collection, of every namespace when ``namespace`` is None."""
        return await self.request("GET", resource.path(namespace), params=selectors(labels, fields))

    async def create(
        self, resource: Resource, obj: Object, namespace: str | None = None, subresource: str | None = None
    ) -> Object:
        """Create an object; with ``subresource`` (``binding``, ``eviction``), post to the object of that name."""
        obj = self._altered(resource, obj)
        metadata = obj.get("metadata", {})
        name = metadata["name"] if subresource else None
        path = resource.path(namespace or metadata.get("namespace"), name, subresource)
        return await self.request("POST", path, _typed(resource, obj) if subresource is None else obj)

    async def replace(self, resource: Resource, obj: Object, subresource: str | None = None) -> Object:
        """Write an object whole (PUT); :class:`Conflict` if its ``resourceVersion`` is no longer the newest."""
        obj = self._altered(resource, obj)
        metadata = obj["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        return await self.request("PUT", path, _typed(resource, obj))

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        body: Object | Sequence[Object],
        subresource: str | None = None,
        type: PatchType = "merge",
    ) -> Object:
        """Change a part of an object. A body that is a dict passes the seam as an object does."""
        if isinstance(body, dict):
            body = self._faults.alter(f"api.{resource.kind}", body, namespace=namespace, name=name)
        path = resource.path(namespace, name, subresource)
        params = {"fieldManager": self.user_agent, "force": "true"} if type == "apply" else None
        return await self.request("PATCH", path, body, params=params, content_type=_PATCH_TYPES[type])

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        grace: int | None = None,
        preconditions: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
    ) -> Object:
        """Delete an object; ``grace`` in seconds, ``preconditions`` a UID that must still be the object's."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if preconditions is not None:
            options["preconditions"] = {"uid": preconditions}
        if propagation is not None:
            options["propagationPolicy"] = propagation
        return await self.request("DELETE", resource.path(namespace, name), options)

    async def event(self, obj: Object, type: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Record an event about an object; repeats raise its count. A refusal is logged, never raised."""
        await self._recorder.record(obj, type, reason, message)

    async def watch(
        self, resource: Resource, namespace: str | None, params: Mapping[str, str]
    ) -> AsyncIterator[tuple[str, Object]]:
        """Pairs (type, object) of a watch until the server ends it; informers are what most callers want."""
        query = {**params, "watch": "true", "allowWatchBookmarks": "true"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
        url = self._access.server + resource.path(namespace)
        async with self._open().get(url, params=query, timeout=timeout) as response:
            if response.status >= 400:
                raise refusal(response.status, _decoded(await response.read()))
            async for line in _lines(response.content):
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise refusal(int(event["object"].get("code", 500)), event["object"])
                yield event["type"], event["object"]

    async def request(
        self,
        method: str,
        path: str,
        body: Object | Sequence[Object] | None = None,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Any call: a path under the server (``/apis/…``) and its JSON answer, tried again as the module says."""
        data = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": content_type} if data is not None else {}
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            pause = min(_LONGEST_PAUSE, 0.05 * 2 ** (attempt - 1))
            try:
                async with self._open().request(
                    method, self._access.server + path, data=data, params=params, headers=headers
                ) as response:
                    answer = await response.read()
                    if response.status < 400:
                        return _decoded(answer)
                    if response.status not in _BUSY or last:
                        raise refusal(response.status, _decoded(answer))
                    if response.status == 504 and method == "POST":
                        raise refusal(504, _decoded(answer))
            except (aiohttp.ClientError, TimeoutError) as error:
                # A refused connection carried nothing; anything later may have been carried out.
                if last or not (isinstance(error, aiohttp.ClientConnectorError) or method != "POST"):
                    raise
                _LOG.debug("%s %s: %s; trying again", method, path, error)
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._access.tls or True, keepalive_timeout=60)
            headers = {"User-Agent": self.user_agent, "Accept": "application/json"}
            if self._access.token:
                headers["Authorization"] = f"Bearer {self._access.token}"
            timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        return self._session

    def _altered(self, resource: Resource, obj: Object) -> Object:
        metadata = obj.get("metadata", {})
        facts = {"namespace": metadata.get("namespace"), "name": metadata.get("name")}
        return self._faults.alter(f"api.{resource.kind}", obj, **facts)


def selectors(labels: str | None, fields: str | None) -> dict[str, str]:
    """Query parameters of a label and a field selector."""
    pairs = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in pairs.items() if value}


def _typed(resource: Resource, obj: Object) -> Object:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}


def _decoded(answer: bytes) -> Object:
    try:
        return cast(Object, orjson.loads(answer)) if answer else {}
    except orjson.JSONDecodeError:
        return {"message": answer[:500].decode(errors="replace")}


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # StreamReader.readline refuses lines longer than its buffer; an object may well be longer.
    rest = b""
    async for chunk in stream.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
