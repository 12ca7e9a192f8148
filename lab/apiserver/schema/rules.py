"""``x-kubernetes-validations``: the CEL rules of a schema, run on an object and its former state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lab.apiserver.cel_support.conversion import to_cel
from lab.apiserver.cel_support.programs import ExpressionError, evaluate, optional
from lab.apiserver.errors import Cause, Object, shown

RULES = "x-kubernetes-validations"
_OLD = re.compile(r"\boldSelf\b")


class _Absent:
    """There was no value before, or none that can be told to be the same."""


ABSENT = _Absent()


def rule_causes(schema: Object, value: Any, old: Any, path: str = "") -> Iterator[Cause]:
    """Every rule that a value, or anything beneath it, breaks; ``old`` is ABSENT where nothing was before."""
    if value is None:
        return
    if rules := schema.get(RULES):
        yield from _broken(schema, rules, value, old, path)
    if isinstance(value, dict):
        yield from _of_fields(schema, value, old if isinstance(old, dict) else {}, path)
    elif isinstance(value, list):
        items = schema.get("items") or {}
        for index, item in enumerate(value):
            yield from rule_causes(items, item, _former_item(schema, item, old), f"{path}[{index}]")
    for part in schema.get("allOf") or []:
        yield from rule_causes(part, value, old, path)


def _of_fields(schema: Object, value: Object, old: Object, path: str) -> Iterator[Cause]:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        inner = properties.get(name) or (extra if isinstance(extra, dict) else None)
        if inner:
            yield from rule_causes(inner, item, old.get(name, ABSENT), f"{path}.{name}" if path else name)


def _former_item(schema: Object, item: Any, old: Any) -> Any:
    """The former state of a list's element: only elements of lists of type map can be told to be the same."""
    keys = schema.get("x-kubernetes-list-map-keys")
    if schema.get("x-kubernetes-list-type") != "map" or not keys or not isinstance(old, list):
        return ABSENT
    identity = [item.get(key) for key in keys]
    return next((other for other in old if [other.get(key) for key in keys] == identity), ABSENT)


def _broken(schema: Object, rules: list[Object], value: Any, old: Any, path: str) -> Iterator[Cause]:
    variables = {"self": to_cel(schema, value)}
    if not isinstance(old, _Absent):
        variables["oldSelf"] = to_cel(schema, old)
    for rule in rules:
        on_transition = bool(_OLD.search(rule["rule"]))
        if rule.get("optionalOldSelf"):
            cause = _judge(schema, rule, {**variables, "oldSelf": optional(variables.get("oldSelf"))}, path)
            if cause is not None:
                yield cause
            continue
        if on_transition and isinstance(old, _Absent):
            continue
        if not on_transition and old == value:
            continue  # What stood before a rule was tightened may stay (validation ratcheting).
        cause = _judge(schema, rule, variables, path)
        if cause is not None:
            yield cause


def _judge(schema: Object, rule: Object, variables: Object, path: str) -> Cause | None:
    where = _place(rule, path)
    try:
        if evaluate(rule["rule"], variables) is True:
            return None
        message = _message(rule, variables)
    except ExpressionError as error:
        text = f"Invalid value: {shown(schema.get('type', 'object'))}: {error} evaluating rule: "
        return Cause(where, "FieldValueInvalid", text + (rule.get("message") or rule["rule"]))
    reason = rule.get("reason") or "FieldValueInvalid"
    words = {"FieldValueRequired": "Required value", "FieldValueForbidden": "Forbidden"}
    if reason in words:
        return Cause(where, reason, f"{words[reason]}: {message}")
    word = "Duplicate value" if reason == "FieldValueDuplicate" else "Invalid value"
    return Cause(where, reason, f"{word}: {shown(schema.get('type', 'object'))}: {message}")


def _message(rule: Object, variables: Object) -> str:
    if expression := rule.get("messageExpression"):
        try:
            found = evaluate(expression, variables)
        except ExpressionError:
            found = ""
        if isinstance(found, str) and found.strip():
            return found
    return rule.get("message") or f"failed rule: {rule['rule']}"


def _place(rule: Object, path: str) -> str:
    field_path = rule.get("fieldPath", "")
    if not path:
        return field_path.removeprefix(".") or "<nil>"
    return f"{path}{field_path}"
