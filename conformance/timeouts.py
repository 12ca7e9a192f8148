"""Every time limit by name, from ``timeouts.yaml``, times one scale factor.

``Timeouts.load(scale=2)["vm-running"]`` gives seconds. An unknown name is a ``KeyError`` that tells near matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import yaml

from conformance.naming import unknown

#: A day, and a factor: more is a slip, and what the system's own clocks cannot count is not far.
LONGEST = 86400
LARGEST_SCALE = 1000
FILE = Path(__file__).with_name("timeouts.yaml")


class UnknownTimeout(KeyError):
    """A name that ``timeouts.yaml`` does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


class Timeouts(Mapping[str, float]):
    """Limits in seconds, scaled."""

    def __init__(self, seconds: Mapping[str, float], scale: float = 1.0) -> None:
        if not 0 < scale <= LARGEST_SCALE:
            raise ValueError(f"time-out scale must be a positive number, at most {LARGEST_SCALE}, not {scale}")
        self._seconds = dict(seconds)
        self.scale = scale

    @classmethod
    def load(cls, scale: float = 1.0, overrides: Mapping[str, float] | None = None) -> Timeouts:
        """The project's limits; ``overrides`` replace some by name, unscaled, and must name existing ones."""
        seconds = dict(_defaults())
        for name, value in (overrides or {}).items():
            if name not in seconds:
                raise UnknownTimeout(unknown("time-out", name, seconds))
            seconds[name] = _positive(name, value)
        return cls(seconds, scale)

    def __getitem__(self, name: str) -> float:
        if name not in self._seconds:
            raise UnknownTimeout(unknown("time-out", name, self._seconds))
        return self._seconds[name] * self.scale

    def __iter__(self) -> Iterator[str]:
        return iter(self._seconds)

    def __len__(self) -> int:
        return len(self._seconds)

    def __contains__(self, name: object) -> bool:
        # Mapping's own asks __getitem__ and expects a plain KeyError; this says it without building the message.
        return name in self._seconds


@cache
def _defaults() -> Mapping[str, float]:
    entries = yaml.safe_load(FILE.read_text())
    return {name: _positive(name, entry["seconds"]) for name, entry in entries.items()}


def _positive(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= LONGEST:
        raise ValueError(f"time-out {name} must be a positive number of seconds, at most {LONGEST}, not {value!r}")
    return float(value)
