"""Label selectors and node selectors, as objects carry them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Object = dict[str, Any]


class Requirement(NamedTuple):
    """One term: a key, an operator (In, NotIn, Exists, DoesNotExist, Gt, Lt) and its values."""

    key: str
    operator: str
    values: tuple[str, ...]

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil the term; ``ValueError`` for an operator that there is not."""
        value = labels.get(self.key)
        if self.operator == "In":
            return value in self.values
        if self.operator == "NotIn":
            return value not in self.values
        if self.operator == "Exists":
            return value is not None
        if self.operator == "DoesNotExist":
            return value is None
        if self.operator in ("Gt", "Lt"):
            return _compares(value, self.operator, self.values)
        raise ValueError(f"selector on {self.key}: no such operator: {self.operator}")


def requirements(selector: Object) -> Iterator[Requirement]:
    """The terms of a LabelSelector."""
    for key, value in (selector.get("matchLabels") or {}).items():
        yield Requirement(key, "In", (value,))
    yield from expressions(selector.get("matchExpressions") or ())


def expressions(items: Any) -> Iterator[Requirement]:
    """The terms of a list of ``{key, operator, values}``."""
    for item in items:
        yield Requirement(item["key"], item["operator"], tuple(item.get("values") or ()))


def selects(selector: Object | None, labels: Mapping[str, str] | None) -> bool:
    """Whether a LabelSelector selects: none at all selects nothing, an empty one everything."""
    if selector is None:
        return False
    return all(term.holds(labels or {}) for term in requirements(selector))


def _compares(value: str | None, operator: str, bounds: tuple[str, ...]) -> bool:
    try:
        number, bound = int(value or ""), int(bounds[0])
    except (ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound
