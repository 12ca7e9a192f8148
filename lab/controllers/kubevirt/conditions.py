"""Conditions and times, as the KubeVirt kinds carry them in ``status``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def timestamp(moment: datetime | None = None) -> str:
    """A moment (now, if none is given) as the API writes it: UTC, whole seconds."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime(TIME_FORMAT)


def moment_of(text: str) -> datetime:
    """The moment that an API timestamp, with or without fractions of a second, stands for."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def seconds_since(text: str) -> float:
    """Seconds since the moment of an API timestamp; 0 for one in the future."""
    return max(0.0, (datetime.now(UTC) - moment_of(text)).total_seconds())


def find(obj: Object | None, type_: str) -> Object | None:
    """The condition of that type, or None."""
    for condition in ((obj or {}).get("status") or {}).get("conditions") or ():
        if condition["type"] == type_:
            return dict(condition)
    return None


def holds(obj: Object | None, type_: str, status: str = "True", reason: str | None = None) -> bool:
    """Whether the condition is there with that status and, if one is given, that reason."""
    condition = find(obj, type_)
    return condition is not None and condition["status"] == status and reason in (None, condition.get("reason"))


def put(status: Object, type_: str, value: str, reason: str = "", message: str = "") -> None:
    """Set a condition in ``status``; its transition time moves only when its status does."""
    conditions: list[Object] = [dict(condition) for condition in status.get("conditions") or ()]
    old = next((condition for condition in conditions if condition["type"] == type_), None)
    moment = timestamp()
    changed = old is None or old["status"] != value
    fresh: Object = {
        "type": type_,
        "status": value,
        "lastProbeTime": None,
        "lastTransitionTime": moment if old is None or changed else old.get("lastTransitionTime", moment),
    }
    fresh.update({key: text for key, text in (("reason", reason), ("message", message)) if text})
    if old is None:
        conditions.append(fresh)
    else:
        conditions[conditions.index(old)] = fresh
    status["conditions"] = conditions


def drop(status: Object, type_: str) -> None:
    """Take a condition out of ``status``, if it is there."""
    if "conditions" in status:
        status["conditions"] = [condition for condition in status["conditions"] if condition["type"] != type_]
