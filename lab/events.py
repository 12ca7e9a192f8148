"""Events: what controllers and nodes tell people about an object, repeats counted as Kubernetes does."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from lab.refusals import NotFound, Refused
from lab.resources import EVENTS

if TYPE_CHECKING:
    from lab.client import Client

_LOG = logging.getLogger(__name__)
_REMEMBERED = 2000


def now() -> str:
    """This moment as Kubernetes writes times: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class EventRecorder:
    """Writes events of one component; the same event again raises the count of the first."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()

    async def record(self, obj: dict[str, Any], type: str, reason: str, message: str) -> None:
        """Write or repeat an event about ``obj``; trouble is logged, because no work may fail for an event."""
        metadata = obj["metadata"]
        namespace = metadata.get("namespace") or "default"
        key = (str(metadata.get("uid") or metadata["name"]), type, reason, message)
        try:
            if not await self._repeat(key, namespace):
                event = self._event(obj, namespace, type, reason, message)
                self._known[key] = (event["metadata"]["name"], 1)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
                await self._client.create(EVENTS, event)
        except (Refused, aiohttp.ClientError, TimeoutError) as error:
            _LOG.info("event %s of %s/%s was not written: %s", reason, namespace, metadata.get("name"), error)

    async def _repeat(self, key: tuple[str, ...], namespace: str) -> bool:
        if key not in self._known:
            return False
        name, count = self._known[key]
        try:
            await self._client.patch(EVENTS, name, namespace, {"count": count + 1, "lastTimestamp": now()})
        except NotFound:
            return False
        self._known[key] = (name, count + 1)
        return True

    def _event(self, obj: dict[str, Any], namespace: str, type: str, reason: str, message: str) -> dict[str, Any]:
        metadata = obj["metadata"]
        moment = now()
        about = {
            "apiVersion": obj.get("apiVersion"),
            "kind": obj.get("kind"),
            "namespace": metadata.get("namespace"),
            "name": metadata["name"],
            "uid": metadata.get("uid"),
            "resourceVersion": metadata.get("resourceVersion"),
        }
        return {
            "metadata": {"name": f"{metadata['name']}.{secrets.token_hex(8)}", "namespace": namespace},
            "involvedObject": {field: value for field, value in about.items() if value},
            "type": type,
            "reason": reason,
            "message": message,
            "source": {"component": self._client.user_agent},
            "reportingComponent": self._client.user_agent,
            "reportingInstance": "",
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
