"""How objects behave unless their kind has ways of its own."""

from __future__ import annotations

from lab.apiserver.calls import Call
from lab.apiserver.errors import Cause, Object, forbidden, not_found
from lab.apiserver.store import Store


class Behaviour:
    """The steps of writing and deleting at which a kind may differ."""

    def check_namespace(self, store: Store, call: Call, obj: Object) -> None:
        """``ApiError`` 404 if the object's namespace does not exist, 403 if it is being terminated."""
        if not call.namespace:
            return
        namespace = store.get("namespaces", "", call.namespace)
        if namespace is None:
            raise not_found("", "namespaces", call.namespace)
        if namespace["metadata"].get("deletionTimestamp"):
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {call.namespace} is being terminated",
                "field": "metadata.namespace",
            }
            why = f"unable to create new content in namespace {call.namespace} because it is being terminated"
            raise forbidden(call.kind.group, call.kind.plural, obj["metadata"].get("name", ""), why, [cause])

    def prepare_create(self, store: Store, obj: Object) -> None:
        """Fill in, in place, what the server decides about a new object."""

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        """Put right, in place, what an update may not change or has to change along."""

    def prepare_delete(self, obj: Object) -> Object:
        """The object as it is marked for deletion (a copy if it differs)."""
        return obj

    def faults(self, obj: Object, old: Object | None) -> list[Cause]:
        """Rules of the kind that its schema does not hold."""
        return []

    def grace_seconds(self, obj: Object, wanted: int | None) -> int:
        """How long the object stays after it was asked to go."""
        return 0

    def may_go(self, obj: Object, final: bool = False) -> bool:
        """Whether an object that is being deleted has nothing left that holds it (``final``: after its grace)."""
        metadata = obj["metadata"]
        held = bool(metadata.get("finalizers")) or (metadata.get("deletionGracePeriodSeconds", 0) > 0 and not final)
        return "deletionTimestamp" in metadata and not held
