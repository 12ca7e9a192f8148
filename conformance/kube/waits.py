"""Waiting for the API to show something: watch first, resumed when the watch drops, by a monotonic clock.

A wait that runs out raises ``TimedOut``, which tells what was waited for, how long, and what was last seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import tenacity

from conformance.kube.api import Api, Change, Object, Selection
from conformance.kube.describe import event_text, last_events, summary
from conformance.kube.errors import Call, Expired, Refused, Unreachable
from conformance.kube.resources import EVENTS, Resource

Predicate = Callable[[Object], bool]
Key = tuple[str | None, str]


class TimedOut(AssertionError):
    """What was waited for did not come; the text is one line."""


class Deadline:
    """A moment so many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return self.left <= 0


@dataclass(frozen=True)
class Goal:
    """One object and the state that it shall reach; ``what`` names that state for people."""

    resource: Resource
    name: str
    namespace: str | None
    predicate: Predicate
    what: str


def wait_until(
    api: Api,
    resource: Resource,
    name: str,
    namespace: str | None,
    predicate: Predicate,
    timeout: str = "vm-running",
    what: str = "expected state",
) -> Object:
    """The object, as soon as ``predicate`` holds for it. An exception in ``predicate`` ends the wait at once.

    Raises ``TimedOut``; ``Refused`` when the API does not let the object be seen.
    """
    deadline = Deadline(api.timeouts[timeout])
    seen: Object | None = None
    for objects in follow(api, resource, Selection(namespace, fields=f"metadata.name={name}"), deadline):
        seen = objects.get((namespace, name))
        if seen is not None and predicate(seen):
            return seen
    raise timed_out(api, resource, name, namespace, what, timeout, seen)


def wait_all(api: Api, goals: Sequence[Goal], timeout: str) -> list[Object]:
    """The objects of all goals, once all are reached, under one common limit.

    Objects of one kind and namespace share one watch. Raises ``TimedOut`` for the goals that were missed.
    """
    deadline = Deadline(api.timeouts[timeout])
    reached: dict[Goal, Object] = {}
    missed: list[TimedOut] = []
    for resource, namespace in dict.fromkeys((goal.resource, goal.namespace) for goal in goals):
        open_goals = [goal for goal in goals if (goal.resource, goal.namespace) == (resource, namespace)]
        seen: dict[Key, Object] = {}
        for seen in follow(api, resource, Selection(namespace), deadline):
            for goal in list(open_goals):
                obj = seen.get((namespace, goal.name))
                if obj is not None and goal.predicate(obj):
                    reached[goal] = obj
                    open_goals.remove(goal)
            if not open_goals:
                break
        for goal in open_goals:
            last = seen.get((namespace, goal.name))
            missed.append(timed_out(api, resource, goal.name, namespace, goal.what, timeout, last))
    if missed:
        raise TimedOut(" | ".join(str(error) for error in missed))
    return [reached[goal] for goal in goals]


def wait_gone(
    api: Api,
    resource: Resource,
    name: str,
    namespace: str | None = None,
    timeout: str = "object-gone",
    uid: str | None = None,
) -> None:
    """Until the object is gone; with ``uid``, another object of that name does not count. Raises ``TimedOut``."""
    deadline = Deadline(api.timeouts[timeout])
    seen: Object | None = None
    for objects in follow(api, resource, Selection(namespace, fields=f"metadata.name={name}"), deadline):
        seen = objects.get((namespace, name))
        if seen is None or (uid is not None and seen["metadata"].get("uid") != uid):
            return
    raise timed_out(api, resource, name, namespace, "removal", timeout, seen)


def wait_for_event(
    api: Api,
    about: str,
    namespace: str,
    reason: str | None = None,
    containing: str = "",
    timeout: str = "event",
) -> Object:
    """The event about the object named ``about`` with that reason and text in its message. Raises ``TimedOut``."""
    deadline = Deadline(api.timeouts[timeout])
    seen: dict[Key, Object] = {}
    for seen in follow(api, EVENTS, Selection(namespace, fields=f"involvedObject.name={about}"), deadline):
        for event in seen.values():
            if (reason is None or event.get("reason") == reason) and containing in str(event.get("message", "")):
                return event
    wanted = " ".join(part for part in (reason, f"with {containing!r}" if containing else "") if part) or "any event"
    others = "; ".join(event_text(event) for event in seen.values()) or "none"
    raise TimedOut(f"{namespace}/{about}: no event {wanted} within {deadline.seconds:g} s; events seen: {others}")


def stays(
    api: Api,
    resource: Resource,
    name: str,
    namespace: str | None,
    predicate: Predicate,
    timeout: str,
    what: str,
) -> Object:
    """The object, after ``predicate`` held at every change for the whole time; raises ``AssertionError`` if not."""
    deadline = Deadline(api.timeouts[timeout])
    seen: Object | None = None
    for objects in follow(api, resource, Selection(namespace, fields=f"metadata.name={name}"), deadline):
        seen = objects.get((namespace, name))
        if seen is None or not predicate(seen):
            passed = deadline.seconds - deadline.left
            place = "/".join(part for part in (namespace, name) if part)
            raise AssertionError(f"{resource.kind} {place}: {what} no longer after {passed:.1f} s: {summary(seen)}")
    if seen is None:
        raise Unreachable(
            Call("watch", resource, namespace, name), api.server, "nothing could be read during the whole wait"
        )
    return seen


def timed_out(
    api: Api, resource: Resource, name: str, namespace: str | None, what: str, timeout: str, seen: Object | None
) -> TimedOut:
    """The error of a wait that ran out, with the state last seen and the newest events."""
    place = "/".join(part for part in (namespace, name) if part)
    events = last_events(api, name, namespace)
    text = f"{resource.kind} {place}: no {what} within {api.timeouts[timeout]:g} s ({timeout}); last: {summary(seen)}"
    return TimedOut(text + (f"; events: {events}" if events else ""))


def follow(api: Api, resource: Resource, selection: Selection, deadline: Deadline) -> Iterator[dict[Key, Object]]:
    """The selected objects, now and after each change, until the deadline; at least once.

    A watch that drops is resumed from the last version seen; one whose version is gone starts with a new list. An
    API server that stops answering for a while (an upgrade) is asked again; one that refuses is not.
    """
    answered = False
    backoff = _Backoff(deadline)
    while True:
        try:
            for objects in _list_and_watch(api, resource, selection, deadline, backoff):
                answered = True
                yield objects
        except Expired:
            backoff.pause()
        except Unreachable:
            if not answered:
                raise
            backoff.pause()
        except Refused as error:
            if error.code < 500 and error.code != 429:
                raise
            backoff.pause()
        if deadline.passed:
            return


def _list_and_watch(
    api: Api, resource: Resource, selection: Selection, deadline: Deadline, backoff: _Backoff
) -> Iterator[dict[Key, Object]]:
    items, version = api.snapshot(resource, selection)
    objects = {_key(item): item for item in items}
    yield objects
    while not deadline.passed:
        idle = min(deadline.left, api.timeouts["watch-idle"])
        opened = time.monotonic()
        try:
            for change in api.watch(resource, selection, version, idle):
                backoff.reset()
                version = change.object["metadata"]["resourceVersion"]
                if _apply(objects, change):
                    yield objects
                if deadline.left <= 0:
                    return
        except Unreachable:
            # Cut, or silent: resume where it was. A server that is gone fails the next opening, too, and is waited for.
            pass
        if time.monotonic() - opened < min(1.0, idle):
            backoff.pause()


class _Backoff:
    """Growing pauses between attempts at a server that ends each of them at once."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._next = 0.05

    def pause(self) -> None:
        tenacity.nap.sleep(min(self._deadline.left, self._next))
        self._next = min(2.0, self._next * 2)

    def reset(self) -> None:
        self._next = 0.05


def _apply(objects: dict[Key, Object], change: Change) -> bool:
    """Carry a change out; ``False`` when it says nothing about an object."""
    if change.type == "BOOKMARK":
        return False
    if change.type == "DELETED":
        objects.pop(_key(change.object), None)
    else:
        objects[_key(change.object)] = change.object
    return True


def _key(obj: Object) -> Key:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]
