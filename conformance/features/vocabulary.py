"""The names of features, and what each means."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml


@cache
def vocabulary() -> dict[str, str]:
    """Every feature's name with its meaning, from ``vocabulary.yaml``."""
    loaded: dict[str, str] = yaml.safe_load(Path(__file__).with_name("vocabulary.yaml").read_text(encoding="utf-8"))
    return loaded


def feature_names() -> tuple[str, ...]:
    """The names alone, in the order of the file."""
    return tuple(vocabulary())
