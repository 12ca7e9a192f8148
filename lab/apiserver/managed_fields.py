"""Who owns which field (server-side apply)."""

from __future__ import annotations

from lab.apiserver.calls import Call
from lab.apiserver.errors import Object


def track(call: Call, new: Object, old: Object | None) -> None:
    """Record the fields that a write changed."""
