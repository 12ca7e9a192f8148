"""Label and field selectors.

Grammar: ``a=b``, ``a==b``, ``a!=b``, ``a in (b,c)``, ``a notin (b,c)``, ``a``, ``!a``, joined by commas;
fields know only the first three.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.apiserver.errors import Object, bad_request

Predicate = Callable[[Object], bool]

_TERM = re.compile(
    r"""\s*(?:
        (?P<absent>!\s*[^\s,=!()<>]+)
      | (?P<set_key>[^\s,=!()<>]+)\s+(?P<set_op>in|notin)\s*\((?P<set_values>[^)]*)\)
      | (?P<key>[^\s,=!()<>]+)\s*(?P<op>==|!=|=|>|<)\s*(?P<value>[^\s,()]*)
      | (?P<present>[^\s,=!()<>]+)
    )\s*(?:,|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Requirement:
    """One term of a selector on labels."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether an object with these labels fulfils it."""
        value = labels.get(self.key)
        if self.operator == "in":
            return value in self.values
        if self.operator == "notin":
            return value not in self.values
        if self.operator in ("gt", "lt"):
            bound = next(iter(self.values))
            if value is None or not value.lstrip("-").isdigit():
                return False
            return int(value) > int(bound) if self.operator == "gt" else int(value) < int(bound)
        return (value is not None) == (self.operator == "exists")


def parse_labels(text: str) -> list[Requirement]:
    """The terms of a label selector; ``ApiError`` 400 if it cannot be parsed."""
    terms: list[Requirement] = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise bad_request(f"unable to parse requirement: found '{text[position:]}', expected: a label selector")
        terms.append(_requirement(match))
        position = match.end()
    return terms


def _requirement(match: re.Match[str]) -> Requirement:
    if absent := match["absent"]:
        return Requirement(absent[1:].strip(), "absent")
    if key := match["set_key"]:
        values = frozenset(value.strip() for value in match["set_values"].split(","))
        return Requirement(key, match["set_op"], values)
    if present := match["present"]:
        return Requirement(present, "exists")
    operator = {"!=": "notin", ">": "gt", "<": "lt"}.get(match["op"], "in")
    return Requirement(match["key"], operator, frozenset([match["value"]]))


def label_predicate(text: str) -> Predicate | None:
    """A test of an object's labels, or None if the selector is empty."""
    terms = parse_labels(text)
    if not terms:
        return None

    def matches(obj: Object) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(term.matches(labels) for term in terms)

    return matches


def structured_requirements(selector: Object) -> list[Requirement]:
    """The terms of a ``LabelSelector`` object (matchLabels and matchExpressions)."""
    terms = [Requirement(k, "in", frozenset([v])) for k, v in (selector.get("matchLabels") or {}).items()]
    names = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}
    for expression in selector.get("matchExpressions") or []:
        operator = names.get(expression["operator"], "in")
        terms.append(Requirement(expression["key"], operator, frozenset(expression.get("values") or [])))
    return terms


def selects(selector: Object | None, labels: dict[str, str]) -> bool:
    """Whether a ``LabelSelector`` object selects these labels; an absent one selects everything."""
    return all(term.matches(labels) for term in structured_requirements(selector or {}))


def _field(obj: Object, path: str) -> str:
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return "false" if path in _BOOLEANS else ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.get("component", "")) if isinstance(value, dict) else str(value)


_BOOLEANS = {"spec.unschedulable", "spec.hostNetwork"}


def field_predicate(text: str, selectable: Sequence[str]) -> Predicate | None:
    """A test of an object's fields, or None if the selector is empty; 400 if a field cannot be selected by."""
    terms: list[tuple[str, bool, str]] = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        key, operator, value = re.split(r"(!=|==|=)", term, maxsplit=1) if "=" in term else (term, "", "")
        if not operator:
            raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
        if key not in ("metadata.name", "metadata.namespace", *selectable):
            raise bad_request(f"field label not supported: {key}")
        terms.append((key, operator != "!=", value))
    if not terms:
        return None
    return lambda obj: all((_field(obj, key) == value) == equal for key, equal, value in terms)


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """Objects that pass both."""
    if first is None or second is None:
        return first or second
    one, other = first, second
    return lambda obj: one(obj) and other(obj)
