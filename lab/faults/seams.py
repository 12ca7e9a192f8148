"""Seams: the places at which a planted fault may change what the lab does.

Rooms of the lab call a seam and know no fault; what a fault does stands in ``lab.faults``. The list of planted
faults is a file, read again whenever it changes, so that planting takes effect from the next decision on, in
every process, with nothing to acknowledge.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Transform = Callable[..., Any]
_REGISTRY: dict[str, dict[str, Transform]] = {}


def at(fault: str, point: str) -> Callable[[Transform], Transform]:
    """Register a function as what ``fault`` does at the seam ``point``."""

    def register(function: Transform) -> Transform:
        _REGISTRY.setdefault(point, {})[fault] = function
        return function

    return register


class Faults:
    """The faults planted in one lab, asked at its seams."""

    def __init__(self, state: Path | None) -> None:
        self._file = state / "faults.json" if state is not None else None
        self._stamp: tuple[int, int] | None = None
        self._planted: tuple[str, ...] = ()

    @classmethod
    def none(cls) -> Faults:
        """No faults, ever: for parts of the lab that are tried on their own."""
        return cls(None)

    def planted(self) -> tuple[str, ...]:
        """Names of the faults planted now, in the order of planting."""
        if self._file is None:
            return ()
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            self._stamp, self._planted = None, ()
            return ()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._planted = tuple(json.loads(self._file.read_text()))
            self._stamp = stamp
        return self._planted

    def alter(self, point: str, value: dict[str, Any], **facts: Any) -> dict[str, Any]:
        """``value``, or what the planted faults make of it; ``facts`` tell them where they are."""
        for function in self._functions(point):
            value = function(dict(value), **facts)
        return value

    def decide(self, point: str, default: T, **facts: Any) -> T:
        """``default``, or what the planted faults decide instead."""
        for function in self._functions(point):
            default = function(default, **facts)
        return default

    def _functions(self, point: str) -> list[Transform]:
        planted = self.planted()
        if not planted:
            return []
        _load_definitions()
        here: Mapping[str, Transform] = _REGISTRY.get(point, {})
        return [here[name] for name in planted if name in here]


def _load_definitions() -> None:
    # Late, so that a lab without faults never loads what would break it.
    from lab.faults import definitions

    definitions.load()
