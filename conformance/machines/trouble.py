"""Waiting with an early end: what plainly will not come is not waited for, once its trouble has lasted."""

from __future__ import annotations

import time
from collections.abc import Callable

from conformance.kube.api import Api, Object, Selection
from conformance.kube.resources import Resource
from conformance.kube.waits import Deadline, Predicate, follow, timed_out

#: The error to end with while an object is in trouble; None while it is well. Each trouble may pass by itself.
Trouble = Callable[[Object], Exception | None]


def wait_unless(
    api: Api,
    resource: Resource,
    place: tuple[str, str],
    reached: Predicate,
    trouble: Trouble,
    timeout: str,
    what: str,
) -> Object:
    """The object at ``place`` (namespace, name) once ``reached`` holds.

    Raises ``TimedOut``; trouble's own error once the object was in trouble for the time-out ``vm-trouble`` in all:
    a machine that crashes again and again is well in between.
    """
    namespace, name = place
    selection = Selection(namespace, fields=f"metadata.name={name}")
    deadline, patience = Deadline(api.timeouts[timeout]), api.timeouts["vm-trouble"]
    seen: Object | None = None
    error: Exception | None = None
    while not deadline.passed and (error is None or patience > 0):
        before, began = error, time.monotonic()
        stage = Deadline(min(deadline.left, patience)) if before else deadline
        for objects in follow(api, resource, selection, stage):
            seen = objects.get((namespace, name))
            if seen is not None and reached(seen):
                return seen
            error = trouble(seen) if seen is not None else None
            if (error is None) is not (before is None):
                break
        if before is not None:
            patience -= time.monotonic() - began
    raise error or timed_out(api, resource, name, namespace, what, timeout, seen)
