"""Patches, selectors and field sets, by properties."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.apiserver.errors import ApiError
from lab.apiserver.field_sets import Shape, from_fields_v1, to_fields_v1
from lab.apiserver.patches import merge
from lab.apiserver.selectors import field_predicate, label_predicate, selects
from lab.apiserver.strategic import StrategicMerge

NAMES = st.text("abc", min_size=1, max_size=2)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 3), NAMES)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)
LABELS = st.dictionaries(NAMES, NAMES, max_size=3)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_holds_afterwards_and_twice_is_once(target: Any, patch: Any) -> None:
    before = copy.deepcopy(target)
    merged = merge(target, patch)
    assert target == before
    assert merge(merged, patch) == merged
    for key, value in patch.items():
        if value is None:
            assert key not in merged
        elif not isinstance(value, dict):
            assert merged[key] == value
    assert {key: merged[key] for key in target if key not in patch} == {
        k: v for k, v in target.items() if k not in patch
    }


@given(OBJECTS)
def test_merging_into_nothing_gives_the_patch_without_nulls(patch: Any) -> None:
    assert merge({}, patch) == without_nulls(patch)


ITEM = {"type": "object", "properties": {"name": {"type": "string"}, "v": {"type": "integer"}}}
KEYED = {
    "type": "array",
    "items": ITEM,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "x-kubernetes-patch-merge-key": "name",
    "x-kubernetes-patch-strategy": "merge",
}
SET = {
    "type": "array",
    "items": {"type": "string"},
    "x-kubernetes-list-type": "set",
    "x-kubernetes-patch-strategy": "merge",
}
SCHEMA = {"type": "object", "properties": {"items": KEYED, "set": SET, "plain": {"type": "array"}}}
ITEMS = st.dictionaries(NAMES, st.integers(0, 3), max_size=3).map(
    lambda found: [{"name": name, "v": value} for name, value in found.items()]
)


def by_name(items: list[Any]) -> dict[str, int]:
    return {item["name"]: item["v"] for item in items}


@given(ITEMS, ITEMS)
def test_strategic_merge_keeps_elements_by_key(old: list[Any], patch: list[Any]) -> None:
    merged = StrategicMerge(SCHEMA, {}).apply({"items": old}, {"items": patch})["items"]
    assert by_name(merged) == by_name(old) | by_name(patch)
    assert [item["name"] for item in merged[: len(old)]] == [item["name"] for item in old]


def test_strategic_directives() -> None:
    strategic = StrategicMerge(SCHEMA, {})
    old = {"items": [{"name": "a", "v": 1}, {"name": "b", "v": 2}], "set": ["x", "y"], "plain": [1, 2], "m": {"k": 1}}
    assert strategic.apply(old, {"items": [{"name": "a", "$patch": "delete"}]})["items"] == [{"name": "b", "v": 2}]
    replaced = strategic.apply(old, {"items": [{"$patch": "replace"}, {"name": "c"}]})
    assert replaced["items"] == [{"name": "c"}]
    assert strategic.apply(old, {"set": ["y", "z"]})["set"] == ["x", "y", "z"]
    assert strategic.apply(old, {"$deleteFromPrimitiveList/set": ["x"]})["set"] == ["y"]
    assert strategic.apply(old, {"plain": [3]})["plain"] == [3]
    assert strategic.apply(old, {"m": {"$patch": "replace", "j": 2}})["m"] == {"j": 2}
    assert strategic.apply(old, {"$retainKeys": ["m"], "m": {}}) == {"m": {"k": 1}}
    order = [{"name": "b"}, {"name": "a"}]
    assert [i["name"] for i in strategic.apply(old, {"$setElementOrder/items": order})["items"]] == ["b", "a"]
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        strategic.apply(old, {"items": [{"v": 1}]})


@given(ITEMS, ITEMS)
def test_fields_of_a_merged_object_are_those_of_both(live: list[Any], wanted: list[Any]) -> None:
    shape = Shape(SCHEMA, {})
    one, other = {"items": live} if live else {}, {"items": wanted} if wanted else {}
    merged = shape.merge(one, other)
    assert set(shape.leaves(merged)) - {()} == (set(shape.leaves(one)) | set(shape.leaves(other))) - {()}
    paths = set(shape.leaves(other)) - {()}
    assert set(from_fields_v1(to_fields_v1(paths))) == paths
    left = shape.without(merged, paths)
    assert by_name(left.get("items", [])) == {n: v for n, v in by_name(live).items() if n not in by_name(wanted)}


@given(LABELS, NAMES, NAMES)
def test_label_selectors_mean_what_they_say(labels: dict[str, str], key: str, value: str) -> None:
    obj = {"metadata": {"labels": labels}}

    def matches(text: str) -> bool:
        predicate = label_predicate(text)
        assert predicate is not None
        return predicate(obj)

    assert matches(f"{key}={value}") == matches(f"{key} in ({value})") == (labels.get(key) == value)
    assert matches(f"{key}!={value}") == matches(f"{key} notin ({value})") == (labels.get(key) != value)
    assert matches(key) != matches(f"!{key}")
    assert matches(f"{key},{key}={value}") == (labels.get(key) == value)
    expressions = [{"key": key, "operator": "NotIn", "values": [value]}]
    assert selects({"matchExpressions": expressions}, labels) == matches(f"{key} notin ({value})")
    assert selects({"matchLabels": {key: value}}, labels) == (labels.get(key) == value)


def test_selectors_that_cannot_be_read() -> None:
    for text in ("a=(b)", "a in b", ",", "=b"):
        with pytest.raises(ApiError) as refused:
            label_predicate(text)
        assert refused.value.code == 400
    assert label_predicate("") is None
    with pytest.raises(ApiError, match="field label not supported"):
        field_predicate("spec.x=1", ("spec.y",))
    node = field_predicate("spec.unschedulable!=true", ("spec.unschedulable",))
    assert node is not None
    assert node({"metadata": {}, "spec": {}})
