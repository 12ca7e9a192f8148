"""The Kubernetes API: requests, waits, and the objects that tests create."""

from conformance.kube.api import Api
from conformance.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, Refused, Unreachable
from conformance.kube.waits import TimedOut, wait_all, wait_for_event, wait_gone, wait_until

__all__ = [
    "AlreadyExists",
    "Api",
    "ApiError",
    "Conflict",
    "NotFound",
    "Refused",
    "TimedOut",
    "Unreachable",
    "wait_all",
    "wait_for_event",
    "wait_gone",
    "wait_until",
]
