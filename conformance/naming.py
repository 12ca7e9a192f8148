"""Names that a person typed, against those that exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One line for a name that does not exist, with those that come near it.

    >>> unknown("profile", "persistance", ["persistence", "limits"])
    "unknown profile 'persistance'; did you mean persistence?"
    """
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    near += [other for other in names if name and name in other and other not in near][: 3 - len(near)]
    if near:
        return f"unknown {what} {name!r}; did you mean {' or '.join(near)}?"
    return f"unknown {what} {name!r}; there are: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
