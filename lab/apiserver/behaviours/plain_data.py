"""Kinds that differ from others only by defaults or a field that is rewritten on the way in."""

from __future__ import annotations

import base64

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.behaviours.defaults import fill
from lab.apiserver.errors import Cause, Object, invalid_value
from lab.apiserver.store import Store


class DefaultedBehaviour(Behaviour):
    """Fills in the defaults that ``data/defaults.yaml`` has for a resource."""

    def __init__(self, resource: str) -> None:
        self._resource = resource

    def prepare_create(self, store: Store, obj: Object) -> None:
        fill(self._resource, obj)

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        fill(self._resource, new)


class SecretBehaviour(DefaultedBehaviour):
    """``stringData`` becomes ``data``; the type is fixed."""

    def prepare_create(self, store: Store, obj: Object) -> None:
        super().prepare_create(store, obj)
        self._encode(obj)

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        super().prepare_update(store, subresource, new, old)
        self._encode(new)

    def faults(self, obj: Object, old: Object | None) -> list[Cause]:
        if old is not None and obj.get("type") != old.get("type"):
            return [invalid_value("type", obj.get("type"), "field is immutable")]
        return []

    @staticmethod
    def _encode(obj: Object) -> None:
        plain = obj.pop("stringData", None) or {}
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
        if encoded:
            obj["data"] = {**(obj.get("data") or {}), **encoded}


class ApiServiceBehaviour(DefaultedBehaviour):
    """An APIService without a Service is served here, and therefore available."""

    def faults(self, obj: Object, old: Object | None) -> list[Cause]:
        spec = obj.get("spec") or {}
        wanted = f"{spec.get('version', '')}.{spec.get('group', '')}"
        if obj["metadata"].get("name") != wanted:
            message = f'must be `spec.version+"."+spec.group`: {wanted!r}'
            return [invalid_value("metadata.name", obj["metadata"].get("name"), message)]
        return []
