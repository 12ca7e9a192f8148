"""Limits: the figures that verdicts are made of, by name."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from conformance.naming import unknown

FILE = Path(__file__).with_name("limits.yaml")


class UnknownLimit(ValueError):
    """A limit was named that does not exist, or given a value that is no positive number."""


@dataclass(frozen=True)
class Limits:
    """The limits of a run.

    Attributes:
        migration_silence: seconds without a byte in a session whose one end migrates.
        upgrade_silence: seconds without a byte in a session that is open all through an upgrade.
    """

    migration_silence: float
    upgrade_silence: float

    @classmethod
    def load(cls, overrides: Iterable[str] = ()) -> Limits:
        """The limits of ``limits.yaml``, with ``NAME=VALUE`` overrides; raises ``UnknownLimit``."""
        values: dict[str, float] = yaml.safe_load(FILE.read_text())
        for override in overrides:
            name, _, text = override.partition("=")
            if name not in values:
                raise UnknownLimit(f"--limit {override}: {unknown('limit', name, values)}")
            values[name] = _positive(override, text)
        return cls(**{name.replace("-", "_"): value for name, value in values.items()})


def _positive(override: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise UnknownLimit(f"--limit {override}: {text!r} is no positive number")
    return value
