"""Conditions of networks: types, reasons and messages as OVN-Kubernetes gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.events import now

Object = dict[str, Any]

CREATED = "NetworkCreated"
ALLOCATED = "NetworkAllocationSucceeded"


def created(namespaces: Sequence[str] | None = None) -> Object:
    """The network has its attachment; of a cluster network, in these namespaces."""
    message = "NetworkAttachmentDefinition has been created"
    if namespaces is not None:
        message += f" in following namespaces: [{', '.join(sorted(namespaces))}]"
    return _condition(CREATED, True, "NetworkAttachmentDefinitionCreated", message)


def being_deleted(attachments: Sequence[str] | None = None) -> Object:
    """Its attachment is on its way out; of a cluster network, these (``ns/name``)."""
    message = "NetworkAttachmentDefinition is being deleted"
    if attachments is not None:
        message = f"NetworkAttachmentDefinition are being deleted: [{', '.join(sorted(attachments))}]"
    return _condition(CREATED, False, "NetworkAttachmentDefinitionDeleted", message)


def sync_error(errors: Sequence[str], cluster: bool = False) -> Object:
    """What stands in the way, one line an error."""
    reason = "NetworkAttachmentDefinitionSyncError" if cluster else "SyncError"
    return _condition(CREATED, False, reason, "\n".join(errors))


def allocated() -> Object:
    """The network is in the fabric."""
    return _condition(ALLOCATED, True, ALLOCATED, "Network allocation succeeded for all synced nodes.")


def not_allocated(error: str) -> Object:
    """The fabric did not take the network."""
    return _condition(ALLOCATED, False, "InternalError", f"Network allocation failed: {error}")


def merged(present: Sequence[Object] | None, wanted: Sequence[Object]) -> list[Object] | None:
    """The list of conditions with those that are wanted, or None if that changes nothing.

    The time of transition moves only with the status, as Kubernetes' convention has it.
    """
    conditions = {condition["type"]: condition for condition in present or ()}
    changed = False
    for condition in wanted:
        old = conditions.get(condition["type"])
        if old is not None and all(old.get(field) == condition[field] for field in ("status", "reason", "message")):
            continue
        changed = True
        moved = old is None or old.get("status") != condition["status"]
        time = now() if moved or old is None else old["lastTransitionTime"]
        conditions[condition["type"]] = {**condition, "lastTransitionTime": time}
    return list(conditions.values()) if changed else None


def _condition(type_: str, status: bool, reason: str, message: str) -> Object:
    return {"type": type_, "status": str(status), "reason": reason, "message": message}
