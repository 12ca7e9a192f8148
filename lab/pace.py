"""The tempo of a real cluster, on demand: what a lab takes longer for than it must."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Pace:
    """Seconds by which each of these is put off: a VM's start, the move of its memory, an answer of the API."""

    boot: float = 0.0
    migrate: float = 0.0
    api: float = 0.0

    def __str__(self) -> str:
        lengths = {each.name: getattr(self, each.name) for each in fields(self)}
        return ",".join(f"{name}={length:g}s" for name, length in lengths.items() if length)

    @classmethod
    def parse(cls, text: str) -> Pace:
        """Read ``boot=40s,migrate=15s,api=50ms``; ``ValueError`` says what is wrong."""
        pace = cls()
        known = {field.name for field in fields(cls)}
        for part in filter(None, text.split(",")):
            name, _, length = part.strip().partition("=")
            found = _LENGTH.fullmatch(length)
            if name not in known or found is None:
                raise ValueError(f"{part!r}: write {', '.join(sorted(known))} = a time such as 40s or 50ms")
            pace = replace(pace, **{name: float(found[1]) * _SECONDS[found[2]]})
        return pace
