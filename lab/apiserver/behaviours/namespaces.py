"""Namespaces: their name as a label, the finalizer in their spec, and the phase Terminating."""

from __future__ import annotations

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.errors import Object
from lab.apiserver.store import Store

NAME_LABEL = "kubernetes.io/metadata.name"
FINALIZER = "kubernetes"


class NamespaceBehaviour(Behaviour):
    """A namespace goes only when ``spec.finalizers`` was emptied through the finalize subresource."""

    def prepare_create(self, store: Store, obj: Object) -> None:
        spec = obj.get("spec") or {}
        finalizers = spec.get("finalizers") or []
        obj["spec"] = {**spec, "finalizers": sorted({*finalizers, FINALIZER})}
        obj["status"] = {"phase": "Active"}
        self._label(obj)

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        if subresource == "finalize":
            spec = new.get("spec") or {}
            new["status"] = old.get("status", {})
        else:
            spec = old.get("spec") or {}
        new["spec"] = spec
        self._label(new)

    def prepare_delete(self, obj: Object) -> Object:
        return {**obj, "status": {**obj.get("status", {}), "phase": "Terminating"}}

    def may_go(self, obj: Object, final: bool = False) -> bool:
        return super().may_go(obj, final) and not obj.get("spec", {}).get("finalizers")

    @staticmethod
    def _label(obj: Object) -> None:
        metadata = obj["metadata"]
        if name := metadata.get("name"):
            metadata["labels"] = {**(metadata.get("labels") or {}), NAME_LABEL: name}
