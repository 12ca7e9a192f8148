"""What the API answers when it does not do what it was asked."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """An answer of the API that is not a success: the HTTP code, the Status' reason and message."""

    def __init__(self, code: int, reason: str, message: str, status: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.status = status or {}


class NotFound(Refused):
    """404: no such object, or no such kind."""


class Conflict(Refused):
    """409: the object was changed by another, or a precondition does not hold."""


class AlreadyExists(Conflict):
    """409 with reason AlreadyExists: the name is taken."""


class Expired(Refused):
    """410: the resource version is too old; list again."""


def refusal(code: int, status: dict[str, Any]) -> Refused:
    """The error for an HTTP code and the ``Status`` object (or whatever else) that came with it."""
    reason = str(status.get("reason") or "Unknown")
    message = str(status.get("message") or f"HTTP {code}")
    kinds: dict[int, type[Refused]] = {404: NotFound, 409: Conflict, 410: Expired}
    kind = AlreadyExists if reason == "AlreadyExists" else kinds.get(code, Refused)
    return kind(code, reason, message, status)
