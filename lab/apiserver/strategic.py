"""Strategic merge patch: lists of objects are merged by the keys of ``data/merge_keys.yaml``.

Directives: ``$patch: delete|replace|merge``, ``$deleteFromPrimitiveList/x``, ``$setElementOrder/x``, ``$retainKeys``.
"""

from __future__ import annotations

import copy
from typing import Any

from lab.apiserver.errors import Object, bad_request
from lab.apiserver.kinds import Kind, data

_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def merge_key(kind: Kind, path: tuple[str, ...]) -> str | None:
    """The key of the elements of the list at ``path``; ``""``: a set of plain values; None: replaced whole."""
    keys = data("merge_keys")
    dotted = ".".join(path)
    for table in (keys.get(kind.resource, {}), keys["*"]):
        if dotted in table:
            return str(table[dotted])
    # Pod templates lie at several depths: spec.containers of a pod is spec.template.spec.containers of a Deployment.
    for root in ("spec.template.", "spec.jobTemplate.spec.template."):
        if dotted.startswith(root) and dotted.removeprefix(root) in keys["pods"]:
            return str(keys["pods"][dotted.removeprefix(root)])
    return None


def strategic_merge(kind: Kind, obj: Object, patch: Object) -> Object:
    """The object with the patch merged in; ``ApiError`` 400 for a patch that makes no sense."""
    merged = _merge_map(kind, obj, patch, ())
    if not isinstance(merged, dict):
        raise bad_request("a patch may not remove the whole object")
    return merged


def _merge_map(kind: Kind, target: Object, patch: Object, path: tuple[str, ...]) -> Object:
    directive = patch.get("$patch")
    content = {key: value for key, value in patch.items() if not key.startswith("$")}
    if directive == "replace":
        return copy.deepcopy(content)
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"Unknown patch type found: {directive} in {'.'.join(path) or 'the patch'}")
    result = dict(target)
    for key in [k for k in result if k not in patch.get("$retainKeys", result)]:
        del result[key]
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            field = key.removeprefix(_DELETE_FROM)
            result[field] = [item for item in result.get(field) or [] if item not in value]
    for key, value in content.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_value(kind, result.get(key), value, (*path, key))
    for key, value in patch.items():
        if key.startswith(_ORDER) and isinstance(result.get(key.removeprefix(_ORDER)), list):
            field = key.removeprefix(_ORDER)
            result[field] = _ordered(result[field], value, merge_key(kind, (*path, field)))
    return result


def _merge_value(kind: Kind, target: Any, patch: Any, path: tuple[str, ...]) -> Any:
    if isinstance(patch, dict):
        return _merge_map(kind, target if isinstance(target, dict) else {}, patch, path)
    if isinstance(patch, list):
        key = merge_key(kind, path)
        existing = target if isinstance(target, list) else []
        if key is None:
            return copy.deepcopy(patch)
        if key == "":
            return [*existing, *(item for item in patch if item not in existing)]
        return _merge_list(kind, existing, patch, key, path)
    return patch


def _merge_list(kind: Kind, existing: list[Any], patch: list[Any], key: str, path: tuple[str, ...]) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    result = list(existing)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        position = next((i for i, old in enumerate(result) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            result = [old for old in result if old.get(key) != item[key]]
        elif position is None:
            result.append(_merge_map(kind, {}, item, path))
        else:
            result[position] = _merge_map(kind, result[position], item, path)
    return result


def _ordered(items: list[Any], order: list[Any], key: str | None) -> list[Any]:
    """Items in the order that the patch names; those it does not name keep their places at the end."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    named = [item for item in items if identity(item) in wanted]
    others = [item for item in items if identity(item) not in wanted]
    return [*sorted(named, key=lambda item: wanted.index(identity(item))), *others]
