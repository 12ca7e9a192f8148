"""CustomResourceDefinitions: the kinds they add to the registry, and the end of their objects."""

from __future__ import annotations

from collections.abc import Iterator

from lab.apiserver.behaviours.definitions import CLEANUP_FINALIZER
from lab.apiserver.errors import Object
from lab.apiserver.kinds import Kind, Registry, Scale
from lab.apiserver.store import Change, Store

CRDS = "customresourcedefinitions.apiextensions.k8s.io"


def kinds_of(definition: Object) -> Iterator[Kind]:
    """The kinds that a definition serves, one a version."""
    spec = definition["spec"]
    names = spec["names"]
    storage = next((version["name"] for version in spec["versions"] if version.get("storage")), "")
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        subresources = version.get("subresources") or {}
        columns = version.get("additionalPrinterColumns")
        selectable = [field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or []]
        yield Kind(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec["scope"] == "Namespaced",
            singular=names.get("singular") or names["kind"].lower(),
            list_kind=names.get("listKind") or f"{names['kind']}List",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=("status",) if "status" in subresources else (),
            storage_version=storage,
            scale=_scale(subresources.get("scale")),
            selectable=tuple(selectable),
            custom=True,
            schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
            columns=tuple(columns) if columns else None,
        )


def _scale(scale: Object | None) -> Scale | None:
    if scale is None:
        return None
    return Scale(scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath", ""))


class Definitions:
    """Keeps the registry in step with the stored definitions, and clears away objects of those that go."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        store.listen(self._changed)

    def load(self) -> None:
        """Serve the kinds of definitions that were restored."""
        for definition in self._store.list(CRDS):
            self._serve(definition)

    def _changed(self, change: Change) -> None:
        if change.resource == CRDS:
            if change.new is None:
                if change.old is not None:
                    self._withdraw(change.old)
            else:
                self._serve(change.new)
                self._finish(change.new)
        elif change.new is None and (definition := self._store.get(CRDS, "", change.resource)) is not None:
            self._finish(definition)

    def _serve(self, definition: Object) -> None:
        spec = definition["spec"]
        self._registry.remove(spec["group"], spec["names"]["plural"])
        for kind in kinds_of(definition):
            self._registry.add(kind)

    def _withdraw(self, definition: Object) -> None:
        self._registry.remove(definition["spec"]["group"], definition["spec"]["names"]["plural"])
        self._store.forget(definition["metadata"]["name"])

    def _finish(self, definition: Object) -> None:
        """Mark the objects of a definition that is being deleted; let it go when the last is gone."""
        metadata = definition["metadata"]
        if "deletionTimestamp" not in metadata or CLEANUP_FINALIZER not in (metadata.get("finalizers") or []):
            return
        name = metadata["name"]
        for obj in self._store.list(name):
            about = obj["metadata"]
            if not about.get("finalizers"):
                # The removal of the last one comes back here.
                self._store.remove(name, about.get("namespace", ""), about["name"])
                return
            if "deletionTimestamp" not in about:
                marked = {**about, "deletionTimestamp": metadata["deletionTimestamp"], "deletionGracePeriodSeconds": 0}
                self._store.put(name, {**obj, "metadata": marked})
        if self._store.list(name) or self._store.get(CRDS, "", name) is not definition:
            return
        finalizers = [finalizer for finalizer in metadata["finalizers"] if finalizer != CLEANUP_FINALIZER]
        if finalizers:
            self._store.put(CRDS, {**definition, "metadata": {**metadata, "finalizers": finalizers}})
        else:
            self._store.remove(CRDS, "", name)
