"""Delete and deletecollection: preconditions, finalizers, grace periods, propagation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lab.apiserver.behaviours import Behaviours
from lab.apiserver.calls import Call
from lab.apiserver.errors import Object, bad_request, conflict, not_found
from lab.apiserver.reading import selection
from lab.apiserver.store import Store
from lab.apiserver.writing import Admission

_PROPAGATION_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
_POLICIES = ("Background", *_PROPAGATION_FINALIZERS)


class Deleter:
    """Takes objects away, or marks them so that their finalizers can be dealt with."""

    def __init__(self, store: Store, admission: Admission, behaviours: Behaviours) -> None:
        self._store = store
        self._behaviours = behaviours
        self._admission = admission

    async def delete(self, call: Call, options: Object) -> Object:
        """Delete one object; gives the object, or a Status when it is gone at once."""
        kind = call.kind
        old = self._store.get(kind.resource, call.namespace, call.target.name)
        if old is None:
            raise not_found(kind.group, kind.plural, call.target.name)
        self._check_preconditions(call, old, options)
        await self._admission.review(call, "DELETE", None, old)
        current = self._store.get(kind.resource, call.namespace, call.target.name)
        if current is None:
            raise not_found(kind.group, kind.plural, call.target.name)
        self._check_preconditions(call, current, options)
        return self._remove(call, current, options)

    async def delete_collection(self, call: Call, options: Object) -> list[Object]:
        """Delete every object that the selectors let through."""
        wanted = selection(call)
        deleted = []
        for obj in self._store.list(call.kind.resource, call.namespace):
            if wanted is None or wanted(obj):
                await self._admission.review(call, "DELETE", None, obj)
                metadata = obj["metadata"]
                current = self._store.get(call.kind.resource, metadata.get("namespace", ""), metadata["name"])
                if current is not None:
                    self._remove(call, current, options)
                    deleted.append(obj)
        return deleted

    def _check_preconditions(self, call: Call, obj: Object, options: Object) -> None:
        wanted = options.get("preconditions") or {}
        for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            actual = obj["metadata"][field]
            if (value := wanted.get(field)) and value != actual:
                why = f"Precondition failed: {label} in precondition: {value}, {label} in object meta: {actual}"
                raise conflict(call.kind.group, call.kind.plural, call.target.name, why)

    def _remove(self, call: Call, obj: Object, options: Object) -> Object:
        kind, behaviour = call.kind, self._behaviours.of(call.kind)
        metadata = {**obj["metadata"]}
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        grace = behaviour.grace_seconds(obj, _number(options.get("gracePeriodSeconds")))
        finalizers = list(metadata.get("finalizers") or [])
        extra = _PROPAGATION_FINALIZERS.get(_propagation(options))
        if extra and extra not in finalizers:
            finalizers.append(extra)
        if finalizers:
            metadata["finalizers"] = finalizers
        marked = behaviour.prepare_delete({**obj, "metadata": metadata})
        stays = (
            bool(finalizers)
            or grace > 0
            or not behaviour.may_go({**marked, "metadata": {**metadata, "deletionTimestamp": "now"}}, final=grace == 0)
        )
        if call.dry_run:
            return obj if stays else _success(call, obj)
        if not stays:
            removed = self._store.remove(kind.resource, namespace, name)
            return removed if "answer-deleted" in kind.traits else _success(call, obj)
        if "deletionTimestamp" not in metadata:
            metadata["deletionTimestamp"] = _in_seconds(grace)
            if "generation" in metadata:
                metadata["generation"] += 1
        elif grace >= metadata.get("deletionGracePeriodSeconds", 0):
            grace = metadata.get("deletionGracePeriodSeconds", 0)
        metadata["deletionGracePeriodSeconds"] = grace
        marked["metadata"] = metadata
        if marked == obj:
            return obj
        return self._store.put(kind.resource, marked)


def _propagation(options: Object) -> str:
    if options.get("orphanDependents"):
        return "Orphan"
    policy = options.get("propagationPolicy") or "Background"
    if policy not in _POLICIES:
        raise bad_request(f'invalid propagationPolicy "{policy}": supported values: {", ".join(_POLICIES)}')
    return str(policy)


def _number(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise bad_request("gracePeriodSeconds must be a number")


def _in_seconds(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _success(call: Call, obj: Object) -> Object:
    kind, metadata = call.kind, obj["metadata"]
    details = {"name": metadata["name"], "kind": kind.plural, "uid": metadata["uid"]}
    if kind.group:
        details["group"] = kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
