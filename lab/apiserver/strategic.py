"""Strategic merge patch: lists of objects are merged by the keys that the kind's schema names.

Directives: ``$patch: delete|replace|merge``, ``$deleteFromPrimitiveList/x``, ``$setElementOrder/x``, ``$retainKeys``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from lab.apiserver.errors import Object, bad_request
from lab.apiserver.schema.structure import child, resolve

_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"
MERGE_KEY = "x-kubernetes-patch-merge-key"


class StrategicMerge:
    """Merges patches into objects of one kind."""

    def __init__(self, schema: Object, components: Mapping[str, Object]) -> None:
        self._schema = schema
        self._components = components

    def apply(self, obj: Object, patch: Object) -> Object:
        """The object with the patch merged in; ``ApiError`` 400 for a patch that makes no sense."""
        return self._merge_map(obj, patch, self._schema)

    def _field(self, schema: Object, name: str) -> Object:
        # The properties' own schema, not what it refers to: merge keys stand beside the reference.
        properties: Object = schema.get("properties") or {}
        return properties.get(name) or child(schema, name, self._components) or {}

    def _merge_map(self, target: Object, patch: Object, schema: Object) -> Object:
        schema = resolve(schema, self._components)
        directive = patch.get("$patch")
        content = {key: value for key, value in patch.items() if not key.startswith("$")}
        if directive == "replace":
            return copy.deepcopy(content)
        if directive == "delete":
            return {}
        if directive not in (None, "merge"):
            raise bad_request(f"Unknown patch type found: {directive}")
        kept = patch.get("$retainKeys")
        result = {key: value for key, value in target.items() if kept is None or key in kept}
        for key, value in patch.items():
            if key.startswith(_DELETE_FROM):
                field = key.removeprefix(_DELETE_FROM)
                result[field] = [item for item in result.get(field) or [] if item not in value]
        for key, value in content.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = self._merge_value(result.get(key), value, self._field(schema, key))
        for key, value in patch.items():
            field = key.removeprefix(_ORDER)
            if field != key and isinstance(result.get(field), list):
                result[field] = _ordered(result[field], value, self._field(schema, field).get(MERGE_KEY))
        return result

    def _merge_value(self, target: Any, patch: Any, schema: Object) -> Any:
        if isinstance(patch, dict):
            return self._merge_map(target if isinstance(target, dict) else {}, patch, schema)
        if isinstance(patch, list):
            existing = target if isinstance(target, list) else []
            if key := schema.get(MERGE_KEY):
                return self._merge_list(existing, patch, str(key), schema.get("items") or {})
            if schema.get("x-kubernetes-patch-strategy") == "merge":
                return [*existing, *(item for item in patch if item not in existing)]
        return copy.deepcopy(patch)

    def _merge_list(self, existing: list[Any], patch: list[Any], key: str, items: Object) -> list[Any]:
        if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
            return [item for item in patch if item.get("$patch") != "replace"]
        result = list(existing)
        for item in patch:
            if not isinstance(item, dict) or key not in item:
                raise bad_request(f"map: {item} does not contain declared merge key: {key}")
            position = next((index for index, old in enumerate(result) if old.get(key) == item[key]), None)
            if item.get("$patch") == "delete":
                result = [old for old in result if old.get(key) != item[key]]
            elif position is None:
                result.append(self._merge_map({}, item, items))
            else:
                result[position] = self._merge_map(result[position], item, items)
        return result


def _ordered(items: list[Any], order: list[Any], key: str | None) -> list[Any]:
    """Items in the order that the patch names; those it does not name keep their order after them."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    named = [item for item in items if identity(item) in wanted]
    others = [item for item in items if identity(item) not in wanted]
    return [*sorted(named, key=lambda item: wanted.index(identity(item))), *others]
