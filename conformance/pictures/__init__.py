"""Exhibits as pictures: SVG text, drawn from the plain data that stands in report.json. Nothing but pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.pictures.matrix import matrix
from conformance.pictures.svg import STYLE, standalone
from conformance.pictures.timeline import timeline

__all__ = ["STYLE", "draw", "standalone", "title"]

_TITLES = {"matrix": "title", "migration": "vm", "stream": "route"}


def draw(exhibit: Mapping[str, Any]) -> str:
    """The picture of one exhibit; what each kind holds is told in ``reports/conformance-report.schema.json``."""
    if exhibit["kind"] == "matrix":
        return matrix(exhibit)
    return timeline([exhibit])


def title(exhibit: Mapping[str, Any]) -> str:
    """What it is a picture of: ``matrix, with deny-all``, ``migration, ns/vm-a``."""
    kind: str = exhibit["kind"]
    return f"{kind}, {exhibit[_TITLES[kind]]}"
