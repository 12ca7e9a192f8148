"""Objects in memory under one revision counter, and the changes that watchers follow.

An object that was stored is never changed in place: whoever wants to change one copies it first. Only the event
loop's thread may call the store, so that reading and writing without an ``await`` between them is atomic.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab.apiserver.errors import Object, gone

HISTORY = 1024  # changes of one resource that a watch may still ask for
BACKLOG = 20_000  # changes a watcher may lag behind before its watch is ended

Key = tuple[str, str]  # namespace ("" for objects of the cluster), name


@dataclass(frozen=True)
class Change:
    """One write: what the object was (None: it is new) and what it is (None: it is gone)."""

    revision: int
    resource: str
    key: Key
    old: Object | None
    new: Object | None


class Follower:
    """The changes of one resource from a revision on, in order."""

    def __init__(self, backlog: Iterator[Change]) -> None:
        self._changes: deque[Change] = deque(backlog)
        self._arrived = asyncio.Event()
        self.overrun = False
        self.ended = False

    def push(self, change: Change) -> None:
        """Called by the store."""
        if len(self._changes) >= BACKLOG:
            self.overrun = True
        else:
            self._changes.append(change)
        self._arrived.set()

    def end(self) -> None:
        """There will be no more changes."""
        self.ended = True
        self._arrived.set()

    async def take(self, timeout: float | None = None) -> list[Change]:
        """All changes since the last call; waits for the first, at most ``timeout`` seconds (then an empty list)."""
        if not self._changes and not (self.overrun or self.ended):
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout)
            except TimeoutError:
                return []
        taken = list(self._changes)
        self._changes.clear()
        return taken


class Store:
    """Every object of the cluster, by resource (``plural.group``) and key."""

    def __init__(self, revision: int = 1) -> None:
        self.revision = revision
        self._objects: dict[str, dict[Key, Object]] = {}
        self._history: dict[str, deque[Change]] = {}
        self._compacted: dict[str, int] = {}
        self.floor = revision  # the oldest revision from which anything can be followed
        self._followers: dict[str, set[Follower]] = {}
        self._listeners: list[Callable[[Change], None]] = []

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return self._objects.get(resource, {}).get((namespace, name))

    def list(self, resource: str, namespace: str = "") -> list[Object]:
        """Objects of a resource, of one namespace or of all, by namespace and name."""
        objects = self._objects.get(resource, {})
        keys = sorted(key for key in objects if not namespace or key[0] == namespace)
        return [objects[key] for key in keys]

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call ``listener`` within every write, after it took effect."""
        self._listeners.append(listener)

    def put(self, resource: str, obj: Object) -> Object:
        """Store a new object or a new state of one; gives it its resourceVersion."""
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        old = self._objects.get(resource, {}).get(key)
        self.revision += 1
        stored = {**obj, "metadata": {**metadata, "resourceVersion": str(self.revision)}}
        self._objects.setdefault(resource, {})[key] = stored
        self._record(Change(self.revision, resource, key, old, stored))
        return stored

    def remove(self, resource: str, namespace: str, name: str) -> Object:
        """Take an object out; gives its last state under the revision of the removal."""
        old = self._objects[resource].pop((namespace, name))
        self.revision += 1
        self._record(Change(self.revision, resource, (namespace, name), old, None))
        return {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.revision)}}

    def restore(self, resource: str, obj: Object) -> None:
        """Put an object of an earlier run back as it was, unseen by watchers."""
        metadata = obj["metadata"]
        self._objects.setdefault(resource, {})[(metadata.get("namespace", ""), metadata["name"])] = obj
        self.revision = self.floor = max(self.revision, int(metadata["resourceVersion"]))

    def advance(self, revision: int) -> None:
        """Go on counting from a revision of an earlier run."""
        self.revision = self.floor = max(self.revision, revision)

    def everything(self) -> Iterator[tuple[str, Object]]:
        """All objects, each with its resource."""
        for resource, objects in self._objects.items():
            for obj in objects.values():
                yield resource, obj

    def forget(self, resource: str) -> None:
        """Remove all objects of a resource that is no longer served, and end its watches."""
        for namespace, name in list(self._objects.get(resource, {})):
            self.remove(resource, namespace, name)
        for follower in self._followers.pop(resource, set()):
            follower.end()

    def compact(self) -> int:
        """Throw away all history: watches from an older revision get 410 from now on."""
        for history in self._history.values():
            history.clear()
        self._compacted.clear()
        self.floor = self.revision
        return self.revision

    def follow(self, resource: str, since: int) -> Follower:
        """Follow changes after revision ``since``; ``ApiError`` 410 if they are no longer known."""
        oldest = max(self.floor, self._compacted.get(resource, 0))
        if since < oldest:
            raise gone(f"too old resource version: {since} ({oldest})")
        backlog = (change for change in self._history.get(resource, ()) if change.revision > since)
        follower = Follower(backlog)
        self._followers.setdefault(resource, set()).add(follower)
        return follower

    def unfollow(self, resource: str, follower: Follower) -> None:
        """End what ``follow`` began."""
        self._followers.get(resource, set()).discard(follower)

    def _record(self, change: Change) -> None:
        history = self._history.setdefault(change.resource, deque())
        history.append(change)
        if len(history) > HISTORY:
            self._compacted[change.resource] = history.popleft().revision
        for follower in self._followers.get(change.resource, ()):
            follower.push(change)
        for listener in self._listeners:
            listener(change)
