"""Waiting with an early end: what plainly will not come is not waited for, once its trouble has lasted."""

from __future__ import annotations

from collections.abc import Callable

from conformance.kube.api import Api, Object
from conformance.kube.resources import Resource
from conformance.kube.waits import Predicate, TimedOut, wait_until

#: The error to end with while an object is in trouble; None while it is well. Each trouble may pass by itself.
Trouble = Callable[[Object], Exception | None]


class _InTrouble(Exception):
    pass


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

    Raises ``TimedOut``; trouble's own error when it is still there after the time-out ``vm-trouble``.
    """
    namespace, name = place

    def well(obj: Object) -> bool:
        if reached(obj):
            return True
        if trouble(obj) is not None:
            raise _InTrouble
        return False

    while True:
        try:
            return wait_until(api, resource, name, namespace, well, timeout, what)
        except _InTrouble:
            pass
        try:
            wait_until(
                api, resource, name, namespace, lambda obj: trouble(obj) is None, "vm-trouble", "way out of trouble"
            )
        except TimedOut:
            error = trouble(api.get(resource, name, namespace))
            if error is not None:
                raise error from None
