"""Who owns which field: server-side apply, and what other writes change of it.

Ownership is recorded from an object's first server-side apply on; until then nobody could come into conflict. What the
object held before belongs to the manager ``before-first-apply``, as in Kubernetes for objects without a record.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.apiserver.calls import Call
from lab.apiserver.errors import ApiError, Object
from lab.apiserver.field_sets import Path, Shape, from_fields_v1, shown_path, to_fields_v1
from lab.apiserver.identity import now
from lab.apiserver.schema.service import SchemaService

BEFORE = "before-first-apply"
_UNOWNED = {
    ("f:apiVersion",),
    ("f:kind",),
    *((("f:metadata", f"f:{name}")) for name in (
        "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "selfLink", "managedFields", "generateName",
    )),
}  # fmt: skip


@dataclass
class Owner:
    """One manager's record on an object."""

    manager: str
    operation: str
    api_version: str
    time: str
    subresource: str = ""
    paths: set[Path] = field(default_factory=set)

    def is_same(self, other: Owner) -> bool:
        """Whether both are records of one manager doing one thing."""
        mine = (self.manager, self.operation, self.subresource)
        return mine == (other.manager, other.operation, other.subresource)

    def entry(self) -> Object:
        """As an entry of ``managedFields``."""
        entry: Object = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(self.paths),
        }
        return {**entry, "subresource": self.subresource} if self.subresource else entry


def owners_of(obj: Object) -> list[Owner]:
    """The records on an object."""
    return [
        Owner(
            entry.get("manager", ""),
            entry.get("operation", "Update"),
            entry.get("apiVersion", ""),
            entry.get("time", ""),
            entry.get("subresource", ""),
            set(from_fields_v1(entry.get("fieldsV1") or {})),
        )
        for entry in obj["metadata"].get("managedFields") or []
    ]


class Ownership:
    """Keeps ``managedFields`` in step with what is written."""

    def __init__(self, schemas: SchemaService) -> None:
        self._schemas = schemas

    def shape(self, call: Call) -> Shape:
        """Where the fields of the call's kind begin and end."""
        return Shape(self._schemas.field_schema(call.kind), self._schemas.components)

    def owned(self, shape: Shape, obj: Object) -> dict[Path, object]:
        """The fields of an object that can have owners."""
        return {
            path: value
            for path, value in shape.leaves(obj).items()
            if path[:2] not in _UNOWNED and path not in _UNOWNED
        }

    def apply(self, call: Call, live: Object | None, config: Object) -> Object:
        """``live`` with ``config`` applied; ``ApiError`` 409 if fields belong to others and force is not asked for."""
        shape = self.shape(call)
        wanted = self.owned(shape, config)
        me = Owner(call.field_manager, "Apply", call.kind.api_version, now(), call.target.subresource, set(wanted))
        if live is None:
            return _with_owners(config, [me])
        held = self.owned(shape, live)
        owners = owners_of(live) or [Owner(BEFORE, "Update", call.kind.api_version, now(), "", set(held))]
        mine = next((owner for owner in owners if owner.is_same(me)), None)
        others = [owner for owner in owners if not owner.is_same(me)]
        self._settle(
            call, others, {path for path in wanted if held.get(path, None) != wanted[path] or path not in held}
        )
        merged: Object = shape.merge(live, config)
        if mine is not None:
            left = mine.paths - set(wanted) - {path for owner in others for path in owner.paths}
            merged = shape.without(merged, left)
            if mine.paths == me.paths:
                me.time = mine.time
        return _with_owners(merged, [me, *others])

    def _settle(self, call: Call, others: list[Owner], changed: set[Path]) -> None:
        contested = [(owner, path) for owner in others for path in sorted(owner.paths & changed)]
        if contested and not call.flag("force"):
            raise _conflict(contested)
        for owner, path in contested:
            owner.paths.discard(path)

    def track(self, call: Call, new: Object, old: Object) -> None:
        """Record, in place, what a write other than apply changed, on an object that keeps a record."""
        owners = owners_of(old)
        new["metadata"].pop("managedFields", None)
        if not owners:
            return
        shape = self.shape(call)
        before, after = self.owned(shape, old), self.owned(shape, new)
        changed = {path for path, value in after.items() if path not in before or before[path] != value}
        gone = set(before) - set(after)
        me = Owner(call.field_manager, "Update", call.kind.api_version, now(), call.target.subresource)
        for owner in owners:
            owner.paths -= gone | (set() if owner.is_same(me) else changed)
        if changed:
            mine = next((owner for owner in owners if owner.is_same(me)), None)
            if mine is None:
                owners.append(me)
                mine = me
            mine.paths |= changed
        new["metadata"]["managedFields"] = [owner.entry() for owner in owners if owner.paths]


def _with_owners(obj: Object, owners: list[Owner]) -> Object:
    entries = [owner.entry() for owner in owners if owner.paths]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}}


def _conflict(contested: list[tuple[Owner, Path]]) -> ApiError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{owner.manager}" using {owner.api_version}',
            "field": shown_path(path),
        }
        for owner, path in contested
    ]
    count = f"{len(causes)} conflict" + ("s" if len(causes) != 1 else "")
    listed = (
        f": {causes[0]['message']}: {causes[0]['field']}"
        if len(causes) == 1
        else ": " + "\n".join(f"- {cause['message']}: {cause['field']}" for cause in causes)
    )
    joined = f"Apply failed with {count}{listed}"
    return ApiError(409, joined, "Conflict", {"causes": causes})
