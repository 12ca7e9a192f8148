"""Rules for migrations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.controllers.kubevirt import conditions, phases
from lab.controllers.kubevirt.admission.causes import NOT_SUPPORTED, REQUIRED, Cause, allowed, bad, judged, refused
from lab.controllers.kubevirt.migration_status import FINALIZER, VMI_LABEL

Object = dict[str, Any]


def creation(migration: Object, namespace: str, vmi: Object | None, others: Iterable[Object]) -> Object:
    """The answer to a new migration; ``others`` are the migrations of the same namespace."""
    name = migration["spec"].get("vmiName")
    if not name:
        return refused([Cause(REQUIRED, "vmiName is missing", "spec.vmiName")])
    if vmi is None:
        return bad(f'the VMI "{namespace}/{name}" does not exist')
    if phases.is_final(vmi):
        return bad("Cannot migrate VMI in finalized state.")
    fixed = conditions.find(vmi, "LiveMigratable")
    if fixed is not None and fixed["status"] == "False":
        return bad(f"Cannot migrate VMI, Reason: {fixed.get('reason', '')}, Message: {fixed.get('message', '')}")
    for other in others:
        if other["spec"].get("vmiName") == name and phases.phase(other) not in phases.MIGRATION_FINAL:
            return bad(
                f"in-flight migration detected. Active migration job ({other['metadata']['uid']}) is currently "
                f"already in progress for VMI {name}."
            )
    return allowed()


def update(old: Object, new: Object) -> Object:
    """The answer to an update of a migration."""
    if old["spec"] != new["spec"]:
        return refused([Cause(NOT_SUPPORTED, "update of Migration object's spec is restricted")])
    return judged(_label_causes(old, new))


def marks(migration: Object) -> list[Object]:
    """The JSON patch that gives a new migration its label and finalizer."""
    metadata = dict(migration["metadata"])
    metadata["labels"] = {**(metadata.get("labels") or {}), VMI_LABEL: migration["spec"].get("vmiName", "")}
    finalizers = list(metadata.get("finalizers") or ())
    metadata["finalizers"] = finalizers if FINALIZER in finalizers else [*finalizers, FINALIZER]
    return [{"op": "replace", "path": "/metadata", "value": metadata}]


def _label_causes(old: Object, new: Object) -> list[Cause]:
    before = (old["metadata"].get("labels") or {}).get(VMI_LABEL)
    after = (new["metadata"].get("labels") or {}).get(VMI_LABEL)
    if before is None or before == after or phases.phase(new) in phases.MIGRATION_FINAL:
        return []
    return [Cause(NOT_SUPPORTED, "selector label can't be modified on an in-flight migration")]
