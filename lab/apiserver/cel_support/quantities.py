"""Kubernetes' CEL functions about quantities (``1Gi``), URLs, regular expressions and lists.

A quantity travels through CEL as ``{"quantity": number as text}``, a URL as ``{"url": text}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{letter: Decimal(1000) ** (power + 1) for power, letter in enumerate("kMGTPE")},
    **{f"{letter}i": Decimal(1024) ** (power + 1) for power, letter in enumerate("KMGTPE")},
}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")


def _number(value: Any) -> Decimal:
    if isinstance(value, dict):
        return Decimal(value["quantity"])
    if isinstance(value, (int, float)):
        return Decimal(str(value))
    match = _QUANTITY.fullmatch(value)
    if match is None:
        raise ValueError(f"quantities must match the regular expression '{_QUANTITY.pattern}': {value}")
    return Decimal(match[1]) * _SUFFIXES[match[2] or ""]


def _quantity(value: Any) -> dict[str, str]:
    return {"quantity": format(_number(value).normalize(), "f")}


def _is_quantity(value: Any) -> bool:
    try:
        _number(value)
    except (ValueError, InvalidOperation, TypeError):
        return False
    return True


def _url(value: Any) -> SplitResult:
    found = urlsplit(value["url"] if isinstance(value, dict) else value)
    if not found.scheme and not found.path.startswith("/"):
        raise ValueError(f"URL parse error during conversion from string: {value}")
    return found


def _is_url(value: Any) -> bool:
    try:
        _url(value)
    except (ValueError, TypeError):
        return False
    return True


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match[0] for match in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


def _is_sorted(items: list[Any]) -> bool:
    return all(one <= other for one, other in pairwise(items))


def _index_of(where: Any, what: Any, offset: int = 0) -> int:
    if isinstance(where, str):
        return where.find(what, offset)
    return where.index(what) if what in where else -1


def _last_index_of(where: Any, what: Any) -> int:
    if isinstance(where, str):
        return where.rfind(what)
    return max((index for index, item in enumerate(where) if item == what), default=-1)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "quantity": _quantity,
    "isQuantity": _is_quantity,
    "isInteger": lambda value: _number(value) == _number(value).to_integral_value(),
    "asInteger": lambda value: int(_number(value)),
    "asApproximateFloat": lambda value: float(_number(value)),
    "isGreaterThan": lambda one, other: _number(one) > _number(other),
    "isLessThan": lambda one, other: _number(one) < _number(other),
    "compareTo": lambda one, other: int(_number(one).compare(_number(other))),
    "add": lambda one, other: _quantity(format(_number(one) + _number(other), "f")),
    "sub": lambda one, other: _quantity(format(_number(one) - _number(other), "f")),
    "url": lambda value: {"url": _url(value).geturl()},
    "isURL": _is_url,
    "getScheme": lambda value: _url(value).scheme,
    "getHost": lambda value: _url(value).netloc,
    "getHostname": lambda value: _url(value).hostname or "",
    "getPort": lambda value: str(_url(value).port or ""),
    "getEscapedPath": lambda value: _url(value).path,
    "getQuery": lambda value: parse_qs(_url(value).query),
    "find": _find,
    "findAll": _find_all,
    "isSorted": _is_sorted,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
}
