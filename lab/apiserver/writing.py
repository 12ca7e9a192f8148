"""Create, update and patch: one pipeline from a body to a stored object."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol

from lab.apiserver.behaviours import Behaviour, Behaviours
from lab.apiserver.calls import Call
from lab.apiserver.errors import ApiError, Cause, Object, already_exists, bad_request, conflict, invalid, required
from lab.apiserver.identity import carry_over, metadata_of, now, stamp_new
from lab.apiserver.managed_fields import Ownership
from lab.apiserver.names import name_causes
from lab.apiserver.store import Store
from lab.faults.seams import Faults

ATTEMPTS = 5  # a patch that lost a race against another write is made again, this many times

Change = Callable[[Object], Object]


class Schemas(Protocol):
    """What the pipeline needs of the kinds' schemas."""

    def admit(self, call: Call, obj: Object) -> None:
        """Prune or refuse unknown fields, fill in defaults, in place; ``ApiError`` 400 on strict validation."""

    def check(self, call: Call, obj: Object) -> None:
        """Refuse or warn of unknown fields (in place), without defaults."""

    def faults(self, call: Call, obj: Object, old: Object | None) -> list[Cause]:
        """Everything wrong with an object."""


class Admission(Protocol):
    """What the pipeline needs of admission control."""

    async def mutate(self, call: Call, operation: str, obj: Object, old: Object | None) -> Object:
        """The object as mutating admission leaves it."""

    async def review(self, call: Call, operation: str, obj: Object | None, old: Object | None) -> None:
        """Nothing, or ``ApiError`` if admission refuses."""


class Writer:
    """Stores what clients send, if it stands."""

    def __init__(
        self,
        store: Store,
        schemas: Schemas,
        admission: Admission,
        ownership: Ownership,
        behaviours: Behaviours,
        faults: Faults,
    ) -> None:
        self._faults = faults
        self._behaviours = behaviours
        self._store = store
        self._ownership = ownership
        self._schemas = schemas
        self._admission = admission

    async def create(self, call: Call, body: Object) -> Object:
        """Store a new object and return it."""
        kind = call.kind
        obj = self._typed(call, body)
        if not call.applying:
            metadata_of(obj).pop("managedFields", None)
        stamp_new(kind, obj, call.namespace)
        behaviour = self._behaviours.of(kind)
        behaviour.check_namespace(self._store, call, obj)
        self._schemas.admit(call, obj)
        if "status" in kind.subresources and kind.custom:
            obj.pop("status", None)
        behaviour.prepare_create(self._store, obj)
        obj = self._faults.alter("apiserver.created", obj, kind=kind.kind)
        obj = await self._admission.mutate(call, "CREATE", obj, None)
        self._refuse_faults(call, obj, None, behaviour)
        await self._admission.review(call, "CREATE", obj, None)
        name = obj["metadata"]["name"]
        if self._store.get(kind.resource, call.namespace, name) is not None:
            raise already_exists(kind.group, kind.plural, name)
        if call.dry_run:
            return obj
        return self._store.put(kind.resource, obj)

    def check(self, call: Call, config: Object) -> None:
        """Nothing, or ``ApiError`` if the object of an apply patch is of another kind or has unknown fields."""
        self._schemas.check(call, self._typed(call, config))

    async def update(self, call: Call, body: Object) -> Object:
        """Put ``body`` in the place of the stored object and return what is stored then."""
        new = self._typed(call, body)
        metadata = metadata_of(new)
        kind = call.kind
        if metadata.get("name") != call.target.name:
            raise bad_request(
                f"the name of the object ({metadata.get('name', '')}) does not match "
                f"the name on the URL ({call.target.name})"
            )
        if kind.custom and not metadata.get("resourceVersion"):
            cause = Cause(
                "metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update"
            )
            raise invalid(kind.group, kind.kind, call.target.name, [cause])
        return await self.change(call, lambda _: copy.deepcopy(new))

    async def change(self, call: Call, change: Change) -> Object:
        """Apply a change to the stored object; tried again on the newest state unless it insists on a revision."""
        for attempt in range(ATTEMPTS):
            old = self._current(call)
            new = change(copy.deepcopy(old))
            insists = bool(metadata_of(new).get("resourceVersion")) and (
                metadata_of(new)["resourceVersion"] != old["metadata"]["resourceVersion"]
                or call.target.verb == "update"
            )
            self._same_revision(call, new, old)
            try:
                return await self._save(call, new, old)
            except Overtaken as error:
                if insists or attempt == ATTEMPTS - 1:
                    raise conflict(call.kind.group, call.kind.plural, call.target.name) from error
        raise AssertionError("the last attempt returns or raises")

    def _current(self, call: Call) -> Object:
        from lab.apiserver.errors import not_found

        kind = call.kind
        found = self._store.get(kind.resource, call.namespace, call.target.name)
        if found is None:
            raise not_found(kind.group, kind.plural, call.target.name)
        return found

    def _same_revision(self, call: Call, new: Object, old: Object) -> None:
        revision = metadata_of(new).get("resourceVersion")
        if revision and revision != old["metadata"]["resourceVersion"]:
            raise conflict(call.kind.group, call.kind.plural, call.target.name)

    async def _save(self, call: Call, new: Object, old: Object) -> Object:
        kind, behaviour = call.kind, self._behaviours.of(call.kind)
        new = self._typed(call, new)
        if metadata_of(new).get("name") != old["metadata"]["name"]:
            raise bad_request("the name of the object may not be changed")
        self._schemas.admit(call, new)
        new = _only_addressed_part(call, new, old)
        behaviour.prepare_update(self._store, call.target.subresource, new, old)
        carry_over(kind, old, new)
        new = await self._admission.mutate(call, "UPDATE", new, old)
        carry_over(kind, old, new)
        if not call.applying:
            self._ownership.track(call, new, old)
        self._refuse_faults(call, new, old, behaviour)
        await self._admission.review(call, "UPDATE", new, old)
        if self._store.get(kind.resource, call.namespace, call.target.name) is not old:
            raise Overtaken
        metadata = new["metadata"]
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        if call.dry_run or new == old:
            return new
        if behaviour.may_go(new):
            self._store.put(kind.resource, new)
            return self._store.remove(kind.resource, call.namespace, call.target.name)
        return self._store.put(kind.resource, new)

    def _typed(self, call: Call, obj: Object) -> Object:
        """The object under the apiVersion that is stored; ``ApiError`` 400 if it is of another kind or namespace."""
        kind = call.kind
        said = (obj.get("apiVersion", kind.api_version), obj.get("kind", kind.kind))
        if said[1] != kind.kind:
            raise bad_request(f"{said[0]}, Kind={said[1]} cannot be handled as a {kind.kind}")
        if said[0] not in (kind.api_version, kind.stored_api_version):
            raise bad_request(
                f"the API version in the data ({said[0]}) does not match the expected API version ({kind.api_version})"
            )
        metadata = metadata_of(obj)
        if metadata.get("namespace", call.namespace) not in ("", call.namespace) and kind.namespaced:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if kind.namespaced:
            metadata["namespace"] = call.namespace
        rest = {field: value for field, value in obj.items() if field not in ("apiVersion", "kind")}
        return {"apiVersion": kind.stored_api_version, "kind": kind.kind, **rest}

    def _refuse_faults(self, call: Call, obj: Object, old: Object | None, behaviour: Behaviour) -> None:
        kind, metadata = call.kind, obj["metadata"]
        causes: list[Cause] = []
        if not metadata.get("name"):
            causes.append(required("metadata.name", "name or generateName is required"))
        elif old is None:
            causes += name_causes(kind, metadata["name"])
        causes += self._schemas.faults(call, obj, old)
        causes += self._faults.decide("apiserver.causes", behaviour.faults(obj, old), kind=kind.kind, obj=obj)
        if causes:
            raise invalid(kind.group, kind.kind, metadata.get("name", ""), causes)


class Overtaken(Exception):
    """Another write came between reading an object and storing its change."""


def _only_addressed_part(call: Call, new: Object, old: Object) -> Object:
    """What a write may change: everything but the status, or (subresource status) the status alone."""
    if "status" not in call.kind.subresources:
        return new
    if call.target.subresource == "status":
        if call.kind.custom:
            managed = new["metadata"].get("managedFields")
            metadata = {**old["metadata"], **({"managedFields": managed} if managed else {})}
        else:
            metadata = new["metadata"]
        kept = {field: value for field, value in old.items() if field not in ("status", "metadata")}
        part: Object = {**kept, "metadata": dict(metadata)}
        if "status" in new:
            part["status"] = new["status"]
        return part
    part = {field: value for field, value in new.items() if field != "status"}
    if "status" in old:
        part["status"] = old["status"]
    return part


__all__ = ["Admission", "ApiError", "Schemas", "Writer", "now"]
