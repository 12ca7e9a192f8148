"""Owner references: what belongs to an object goes with it.

Every kind that can be watched is watched, custom ones as they come. An object whose owners are all gone is deleted in
the background; the finalizers ``foregroundDeletion`` and ``orphan``, which the API sets for those propagation
policies, are served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from lab.client import Conflict, Informer, NotFound
from lab.controllers.discovery import discover
from lab.controllers.runtime import Context, Controller, Key
from lab.resources import CRDS, EVENTS, Resource

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)
_FOREGROUND = "foregroundDeletion"
_ORPHAN = "orphan"
_NEVER = frozenset({EVENTS.plural, "leases", "apiservices"})


async def build(context: Context) -> Sequence[Controller]:
    """The collector, and what tells it of new kinds."""
    collector = _Collector(context)
    await collector.learn(start=False)
    crds = context.informers.of(CRDS)
    learner = Controller("garbage-kinds", collector.learn_again, workers=1).watch(
        crds, keys=lambda _: (Key("", "kinds"),)
    )
    return [collector.controller, learner]


class _Collector:
    """Knows every object by its uid, and who depends on whom."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._kinds: dict[tuple[str, str], Resource] = {}
        self._places: dict[str, tuple[Resource, str, str]] = {}
        self._dependents: dict[str, set[str]] = {}
        self.controller = Controller("garbage", self.reconcile)

    async def learn_again(self, _: Key) -> None:
        """Follow kinds that came since."""
        await self.learn(start=True)

    async def learn(self, start: bool) -> None:
        """Watch every kind that can be watched and is not watched yet."""
        fresh: list[Informer] = []
        for kind in await discover(self._client):
            resource = kind.resource
            place = (resource.group, resource.kind)
            if place in self._kinds or resource.plural in _NEVER or not kind.verbs >= {"list", "watch", "delete"}:
                continue
            self._kinds[place] = resource
            informer = self._context.informers.of(resource)
            self._follow(informer, resource)
            fresh.append(informer)
        if start:
            await asyncio.gather(*(informer.start() for informer in fresh))

    def _follow(self, informer: Informer, resource: Resource) -> None:
        def changed(old: Object | None, new: Object | None) -> None:
            if new is not None:
                self._seen(resource, new)
            if old is not None and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"]):
                self._lost(old)

        informer.on_change(changed)

    def _seen(self, resource: Resource, obj: Object) -> None:
        metadata = obj["metadata"]
        uid = metadata["uid"]
        self._places[uid] = (resource, metadata.get("namespace", ""), metadata["name"])
        owners = metadata.get("ownerReferences") or ()
        for owner in owners:
            self._dependents.setdefault(owner["uid"], set()).add(uid)
        serves = {_FOREGROUND, _ORPHAN} & set(metadata.get("finalizers") or ())
        if "deletionTimestamp" in metadata:
            if serves:
                self.controller.enqueue(Key("", uid))
        elif any(owner["uid"] not in self._places or self._in_foreground(owner["uid"]) for owner in owners):
            self.controller.enqueue(Key("", uid))

    def _lost(self, obj: Object) -> None:
        uid = obj["metadata"]["uid"]
        self._places.pop(uid, None)
        for dependent in self._dependents.pop(uid, ()):
            self.controller.enqueue(Key("", dependent))
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._dependents.get(owner["uid"], set()).discard(uid)
            if self._in_foreground(owner["uid"]):
                self.controller.enqueue(Key("", owner["uid"]))

    async def reconcile(self, key: Key) -> None:
        """Bring one object, given by its uid, to where its owners and its own deletion want it."""
        obj = self._object(key.name)
        if obj is None:
            return
        resource = self._places[key.name][0]
        metadata = obj["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if "deletionTimestamp" in metadata:
            if _ORPHAN in finalizers:
                await self._orphan(resource, obj)
            elif _FOREGROUND in finalizers:
                await self._foreground(resource, obj)
            return
        owners = metadata.get("ownerReferences") or []
        present = [owner for owner in owners if await self._exists(owner, metadata.get("namespace", ""))]
        if not owners or (len(present) == len(owners) and not all(self._in_foreground(o["uid"]) for o in owners)):
            return
        if present and not all(self._in_foreground(owner["uid"]) for owner in present):
            await self._write(resource, obj, {"ownerReferences": present})
            return
        await self._delete(resource, obj, foreground=bool(present))

    async def _exists(self, owner: Object, namespace: str) -> bool:
        if owner["uid"] in self._places:
            return True
        group = owner["apiVersion"].rpartition("/")[0]
        resource = self._kinds.get((group, owner["kind"]))
        if resource is None:
            return True  # a kind that is not known here is not ours to judge
        try:
            found = await self._client.get(resource, owner["name"], namespace if resource.namespaced else None)
        except NotFound:
            return False
        return bool(found["metadata"]["uid"] == owner["uid"])

    async def _foreground(self, resource: Resource, obj: Object) -> None:
        blocking = False
        for uid in tuple(self._dependents.get(obj["metadata"]["uid"], ())):
            dependent = self._object(uid)
            if dependent is None:
                continue
            blocking = blocking or any(
                owner["uid"] == obj["metadata"]["uid"] and owner.get("blockOwnerDeletion")
                for owner in dependent["metadata"].get("ownerReferences") or ()
            )
            if "deletionTimestamp" not in dependent["metadata"]:
                self.controller.enqueue(Key("", uid))
        if not blocking:
            await self._unfinalize(resource, obj, _FOREGROUND)

    async def _orphan(self, resource: Resource, obj: Object) -> None:
        owner_uid = obj["metadata"]["uid"]
        for uid in tuple(self._dependents.get(owner_uid, ())):
            dependent = self._object(uid)
            if dependent is None:
                continue
            others = [o for o in dependent["metadata"].get("ownerReferences") or () if o["uid"] != owner_uid]
            await self._write(self._places[uid][0], dependent, {"ownerReferences": others})
        await self._unfinalize(resource, obj, _ORPHAN)

    async def _unfinalize(self, resource: Resource, obj: Object, finalizer: str) -> None:
        left = [item for item in obj["metadata"].get("finalizers") or () if item != finalizer]
        await self._write(resource, obj, {"finalizers": left})

    async def _write(self, resource: Resource, obj: Object, metadata: Object) -> None:
        now = obj["metadata"]
        body = {"metadata": {**metadata, "uid": now["uid"], "resourceVersion": now["resourceVersion"]}}
        try:
            await self._client.patch(resource, now["name"], now.get("namespace"), body)
        except NotFound:
            return

    async def _delete(self, resource: Resource, obj: Object, foreground: bool) -> None:
        metadata = obj["metadata"]
        _LOG.info("%s %s/%s goes with its owner", resource.kind, metadata.get("namespace", ""), metadata["name"])
        try:
            await self._client.delete(
                resource,
                metadata["name"],
                metadata.get("namespace"),
                preconditions=metadata["uid"],
                propagation="Foreground" if foreground and self._dependents.get(metadata["uid"]) else "Background",
            )
        except NotFound:
            return
        except Conflict as error:
            _LOG.info("%s: %s", metadata["name"], error.message)

    def _object(self, uid: str) -> Object | None:
        place = self._places.get(uid)
        if place is None:
            return None
        obj = self._context.informers.of(place[0]).get(place[1], place[2])
        return obj if obj is not None and obj["metadata"]["uid"] == uid else None

    def _in_foreground(self, uid: str) -> bool:
        obj = self._object(uid)
        return (
            obj is not None
            and "deletionTimestamp" in obj["metadata"]
            and _FOREGROUND in (obj["metadata"].get("finalizers") or ())
        )
