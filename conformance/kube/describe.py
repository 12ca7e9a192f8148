"""An object's state in one line: what a reader needs to know of something that was waited for in vain."""

from __future__ import annotations

from typing import Any

from conformance.kube.api import Api, Object
from conformance.kube.errors import ApiError
from conformance.kube.resources import EVENTS

LAST_EVENTS = 3


def condition(obj: Object, type: str) -> Object | None:
    """The condition of that type, or ``None``."""
    for entry in obj.get("status", {}).get("conditions") or []:
        if entry.get("type") == type:
            found: Object = entry
            return found
    return None


def is_true(obj: Object, type: str) -> bool:
    """Whether the condition of that type is there and True."""
    entry = condition(obj, type)
    return entry is not None and entry.get("status") == "True"


def summary(obj: Object | None) -> str:
    """Phase, printable status and conditions of an object, in one line."""
    if obj is None:
        return "the object is not there"
    status: dict[str, Any] = obj.get("status") or {}
    parts = [f"{key} {status[key]}" for key in ("phase", "printableStatus", "nodeName") if status.get(key)]
    if obj.get("metadata", {}).get("deletionTimestamp"):
        waiting_for = ", ".join(obj["metadata"].get("finalizers") or []) or "its grace period"
        parts.append(f"being deleted, held by {waiting_for}")
    parts += [_condition_text(entry) for entry in status.get("conditions") or []]
    parts += [_container_text(entry) for entry in status.get("containerStatuses") or [] if not entry.get("ready")]
    return "; ".join(parts) or "no status yet"


def last_events(api: Api, obj_name: str, namespace: str | None, count: int = LAST_EVENTS) -> str:
    """The newest events about an object, warnings first, in one line; empty when none can be read."""
    try:
        found = api.list(EVENTS, namespace, fields=f"involvedObject.name={obj_name}")
    except ApiError as error:
        # Only context for another error: it must not hide that one.
        return f"events unreadable: {error}"
    found.sort(key=event_time)
    newest = found[-count:]
    newest.sort(key=lambda event: event.get("type") != "Warning")
    return "; ".join(event_text(event) for event in newest)


def event_time(event: Object) -> str:
    """When an event was last seen: RFC 3339, so that text order is time order."""
    metadata = event.get("metadata", {})
    return str(event.get("lastTimestamp") or event.get("eventTime") or metadata.get("creationTimestamp") or "")


def event_text(event: Object) -> str:
    """``Warning FailedScheduling: …`` in one line."""
    message = " ".join(str(event.get("message", "")).split())
    return f"{event.get('type', '')} {event.get('reason', '')}: {message}".strip()


def _condition_text(entry: Object) -> str:
    text = f"{entry.get('type')}={entry.get('status')}"
    detail = ": ".join(
        part for part in (entry.get("reason"), " ".join(str(entry.get("message") or "").split())) if part
    )
    return f"{text} ({detail})" if detail else text


def _container_text(entry: Object) -> str:
    for state, facts in (entry.get("state") or {}).items():
        detail = ": ".join(str(facts[key]) for key in ("reason", "message") if facts and facts.get(key))
        return f"container {entry.get('name')} {state}" + (f" ({detail})" if detail else "")
    return f"container {entry.get('name')} not ready"
