"""Sets of fields, as server-side apply counts them, and their ``FieldsV1`` form.

A path is a tuple of elements in Kubernetes' spelling: ``f:name`` a field, ``k:{"name":"x"}`` an element of a list with
keys, ``v:"x"`` an element of a set, and a last ``.`` for such an element itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from lab.apiserver.errors import Object
from lab.apiserver.schema.structure import child, resolve

Path = tuple[str, ...]
SELF = "."


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


class Shape:
    """Tells, by a kind's schema, where one field ends and the next begins."""

    def __init__(self, schema: Object, components: Mapping[str, Object]) -> None:
        self._schema = schema
        self._components = components

    def leaves(self, obj: Object) -> dict[Path, Any]:
        """The value of every field that has an owner of its own."""
        return dict(self._leaves(self._schema, obj, ()))

    def merge(self, live: Any, wanted: Any) -> Any:
        """``live`` with ``wanted`` laid over it: maps and keyed lists are merged, all else is replaced."""
        return self._merge(self._schema, live, wanted)

    def item_element(self, schema: Object, item: Any) -> str | None:
        """How an element of a list is spelt, None for elements of lists that are replaced whole."""
        list_type = schema.get("x-kubernetes-list-type")
        if list_type == "set":
            return f"v:{_text(item)}"
        keys = schema.get("x-kubernetes-list-map-keys")
        if list_type == "map" and keys and isinstance(item, dict):
            items = resolve(schema.get("items") or {}, self._components)
            found = {key: item.get(key, _default(items, key)) for key in keys}
            return f"k:{_text({key: value for key, value in found.items() if value is not None})}"
        return None

    def without(self, obj: Object, gone: Iterable[Path]) -> Object:
        """The object without these fields, and without what they leave empty of keyed lists."""
        result: Any = obj
        # An empty map had an owner as such; once there is something in it, that is what is owned.
        existing = self.leaves(obj)
        # Elements of lists go whole before their fields: without its keys an element could not be told any more.
        for path in sorted(gone, key=lambda path: (path[-1:] != (SELF,), -len(path))):
            if path in existing:
                result = self._without(self._schema, result, path)
        return result if isinstance(result, dict) else {}

    def _field(self, schema: Object, name: str) -> Object:
        return child(schema, name, self._components) or {}

    def _leaves(self, schema: Object, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
        schema = resolve(schema, self._components)
        if isinstance(value, dict) and value and schema.get("x-kubernetes-map-type") != "atomic":
            for name, item in value.items():
                yield from self._leaves(self._field(schema, name), item, (*path, f"f:{name}"))
            return
        if isinstance(value, list) and value and self.item_element(schema, value[0]) is not None:
            for item in value:
                element = self.item_element(schema, item) or ""
                yield (*path, element, SELF), None
                if element.startswith("k:"):
                    yield from self._leaves(schema.get("items") or {}, item, (*path, element))
            return
        yield path, value

    def _merge(self, schema: Object, live: Any, wanted: Any) -> Any:
        schema = resolve(schema, self._components)
        if isinstance(wanted, dict) and isinstance(live, dict) and schema.get("x-kubernetes-map-type") != "atomic":
            merged = dict(live)
            for name, item in wanted.items():
                merged[name] = self._merge(self._field(schema, name), live.get(name), item)
            return merged
        if isinstance(wanted, list) and isinstance(live, list) and wanted and self.item_element(schema, wanted[0]):
            merged_items = {self.item_element(schema, item): item for item in live}
            for item in wanted:
                element = self.item_element(schema, item)
                merged_items[element] = self._merge(schema.get("items") or {}, merged_items.get(element), item)
            return list(merged_items.values())
        return wanted

    def _without(self, schema: Object, value: Any, path: Path) -> Any:
        schema = resolve(schema, self._components)
        element, rest = path[0], path[1:]
        if element.startswith("f:") and isinstance(value, dict):
            name = element[2:]
            if name not in value:
                return value
            others = {key: item for key, item in value.items() if key != name}
            if not rest:
                return others
            inner = self._without(self._field(schema, name), value[name], rest)
            return others if inner in ({}, []) else {**value, name: inner}
        if isinstance(value, list):
            if rest == (SELF,):
                return [item for item in value if self.item_element(schema, item) != element]
            items = schema.get("items") or {}
            return [
                self._without(items, item, rest) if self.item_element(schema, item) == element else item
                for item in value
            ]
        return value


def _default(items: Object, key: str) -> Any:
    # The protocol of a port is TCP unless somebody says otherwise: the only key that Kubernetes defaults.
    return (items.get("properties") or {}).get(key, {}).get("default", "TCP" if key == "protocol" else None)


def to_fields_v1(paths: Iterable[Path]) -> Object:
    """Nested form, as in ``managedFields``."""
    root: Object = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
    return root


def from_fields_v1(node: Object, path: Path = ()) -> Iterator[Path]:
    """The paths of a nested form."""
    for element, inner in node.items():
        if inner:
            yield from from_fields_v1(inner, (*path, element))
        else:
            yield (*path, element)


def shown_path(path: Path) -> str:
    """A path for people: ``.spec.containers[name="x"].image``."""
    text = ""
    for element in path:
        if element.startswith("f:"):
            text += f".{element[2:]}"
        elif element.startswith("k:"):
            keys = orjson.loads(element[2:])
            text += "[" + ",".join(f"{key}={_text(value)}" for key, value in keys.items()) + "]"
        elif element.startswith("v:"):
            text += f"[={element[2:]}]"
    return text
