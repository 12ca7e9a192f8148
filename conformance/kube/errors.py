"""What can go wrong between the suite and the API, each told in one line: verb, kind, namespace/name, reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.kube.resources import Resource


@dataclass(frozen=True)
class Call:
    """One request, as a reader would name it."""

    verb: str
    resource: Resource | None
    namespace: str | None = None
    name: str | None = None
    path: str = ""

    def __str__(self) -> str:
        if self.resource is None:
            return f"{self.verb} {self.path}"
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return " ".join(part for part in (self.verb, self.resource.kind, place) if part)


class ApiError(Exception):
    """Any failure of a request to the API."""


class Refused(ApiError):
    """The API answered, and the answer is no.

    ``code`` is the HTTP status, ``reason`` the Status object's (``Invalid``, ``Forbidden``…), ``message`` its text,
    ``causes`` its details, each ``{field, reason, message}``. ``repeated`` tells that an earlier attempt of the same
    request was cut off and may have been carried out.
    """

    repeated = False

    def __init__(
        self, code: int, reason: str, message: str, causes: list[dict[str, Any]] | None = None, call: Call | None = None
    ) -> None:
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes or []
        self.call = call
        super().__init__(code, reason, message)

    def __str__(self) -> str:
        message = " ".join(self.message.split()) or "no message"
        return f"{self.call}: {self.code} {self.reason}: {message}" if self.call else f"{self.code} {message}"


class NotFound(Refused):
    """404: the object, or its kind, is not there."""


class Conflict(Refused):
    """409: a stale write, or a name that is taken."""


class AlreadyExists(Conflict):
    """409 with reason ``AlreadyExists``."""


class Expired(Refused):
    """410: the resource version asked for is gone; list again."""


class Unreachable(ApiError):
    """No answer: connection refused, reset, timed out, or TLS trust missing."""

    def __init__(self, call: Call, server: str, why: str) -> None:
        self.call = call
        self.server = server
        self.why = why
        check = "certificate-authority is that server's" if "CERTIFICATE" in why else "server is up and reachable"
        super().__init__(f"{call}: no answer from {server}: {why}; check that the kubeconfig's {check}")


def refusal_of(action: Callable[[], object]) -> Refused | None:
    """Do something that the API may refuse; gives its refusal, or ``None`` when it was accepted."""
    try:
        action()
    except Refused as refused:
        return refused
    return None


def refusal(code: int, status: dict[str, Any], call: Call) -> Refused:
    """The exception for an answer: ``status`` is the body, a Status object when the API itself answered."""
    reason = str(status.get("reason") or _REASONS.get(code, "Unknown"))
    message = str(status.get("message") or "")
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    kind: type[Refused] = {404: NotFound, 409: Conflict, 410: Expired}.get(code, Refused)
    if code == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    return kind(code, reason, message, causes, call)


_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
