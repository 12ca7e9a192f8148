"""Names short enough for a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

from conformance.pictures.svg import short

End = Mapping[str, Any]


def key(end: End) -> tuple[str, str]:
    """What tells one end from another: a machine may take part with several addresses."""
    return end["name"], end["address"]


def labels(ends: Iterable[End]) -> dict[tuple[str, str], str]:
    """A short name for each end: without what all begin with, with the address where a name stands for several."""
    known = {key(end): end for end in ends}
    names = [name for name, _ in known]
    cut = len(shared(names))
    return {
        (name, address): short(name[cut:] + (f" {address}" if names.count(name) > 1 else "")) for name, address in known
    }


def shared(names: Iterable[str]) -> str:
    """What all names of objects in namespaces begin with, up to the slash, or to a dash before it; else empty."""
    distinct = set(names)
    if len(distinct) < 2 or not all("/" in name for name in distinct):
        return ""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*distinct, strict=False))
    common = "".join(letters[0] for letters in alike)
    last = common.rfind("/") if "/" in common else common.rfind("-")
    return common[: last + 1]


def way(path: Mapping[str, Any]) -> str:
    """``icmp``, ``tcp/5000``."""
    return path["protocol"] if path["port"] is None else f"{path['protocol']}/{path['port']}"
