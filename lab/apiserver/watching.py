"""Watches: changes as events, with selectors, bookmarks, initial events, and an end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from lab.apiserver.calls import Call
from lab.apiserver.errors import ApiError, Object, gone
from lab.apiserver.reading import requested_revision, selection
from lab.apiserver.selectors import Predicate
from lab.apiserver.store import Change, Store

BOOKMARK_SECONDS = 60.0
SHORTEST_SECONDS = 1800  # a watch without timeoutSeconds ends after one to two times this
INITIAL_EVENTS_END = "k8s.io/initial-events-end"

Event = tuple[str, Object]


class Watcher:
    """Follows the store for watches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def events(self, call: Call) -> AsyncIterator[list[Event]]:
        """Events in batches, until the watch's time is over; a last ERROR event tells why it ended early.

        ``ApiError`` at once if the request makes no sense.
        """
        seconds = call.number("timeoutSeconds") or SHORTEST_SECONDS * random.uniform(1, 2)
        return self._events(call, selection(call), requested_revision(call, self._store), seconds)

    async def _events(
        self, call: Call, wanted: Predicate | None, revision: int, seconds: float
    ) -> AsyncIterator[list[Event]]:
        initial = call.flag("sendInitialEvents") or (revision == 0 and "sendInitialEvents" not in call.query)
        if initial:
            # Nothing is awaited between listing and following, so no change is lost or seen twice.
            revision = self._store.revision
            start = self._initial(call, wanted)
        else:
            start = []
        try:
            follower = self._store.follow(call.kind.resource, revision or self._store.revision)
        except ApiError as error:
            yield [("ERROR", error.status())]
            return
        try:
            if start:
                yield start
            clock = asyncio.get_running_loop().time
            deadline = clock() + seconds
            bookmarks = call.flag("allowWatchBookmarks")
            while (left := deadline - clock()) > 0:
                changes = await follower.take(min(left, BOOKMARK_SECONDS))
                events = [event for change in changes if (event := _event(change, call.namespace, wanted))]
                if not changes and bookmarks:
                    events = [self._bookmark(call)]
                if events:
                    yield events
                if follower.ended:
                    return
                if follower.overrun:
                    yield [("ERROR", gone("the watch fell too far behind").status())]
                    return
        finally:
            self._store.unfollow(call.kind.resource, follower)

    def _initial(self, call: Call, wanted: Predicate | None) -> list[Event]:
        objects = self._store.list(call.kind.resource, call.namespace)
        events: list[Event] = [("ADDED", obj) for obj in objects if wanted is None or wanted(obj)]
        if call.flag("sendInitialEvents") and call.flag("allowWatchBookmarks"):
            events.append(self._bookmark(call, {INITIAL_EVENTS_END: "true"}))
        return events

    def _bookmark(self, call: Call, annotations: dict[str, str] | None = None) -> Event:
        metadata: Object = {"resourceVersion": str(self._store.revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        kind = call.kind
        return "BOOKMARK", {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}


def _event(change: Change, namespace: str, wanted: Predicate | None) -> Event | None:
    """What a watch that wants only some objects sees of a change; None if it sees nothing."""
    if namespace and change.key[0] != namespace:
        return None
    before = change.old is not None and (wanted is None or wanted(change.old))
    after = change.new is not None and (wanted is None or wanted(change.new))
    if after and change.new is not None:
        return ("MODIFIED" if before else "ADDED"), change.new
    if before and change.old is not None:
        metadata = {**change.old["metadata"], "resourceVersion": str(change.revision)}
        return "DELETED", {**change.old, "metadata": metadata}
    return None
