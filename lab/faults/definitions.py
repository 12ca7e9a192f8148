"""The faults that the lab knows, and the file that lists those planted."""

from __future__ import annotations

import json
from pathlib import Path


class NotPlanted(LookupError):
    """A fault was to be lifted that is not planted."""


def load() -> None:
    """Import the modules that define faults, once."""


def planted(state: Path) -> list[str]:
    """Names of the faults planted in the lab of a state directory, in the order of planting."""
    try:
        return list(json.loads((state / "faults.json").read_text()))
    except FileNotFoundError:
        return []


def plant(state: Path, name: str) -> None:
    """Plant a fault; nothing happens if it is planted."""
    _write(state, [*(other for other in planted(state) if other != name), name])


def lift(state: Path, name: str) -> None:
    """Lift a fault; raises :class:`NotPlanted`."""
    names = planted(state)
    if name not in names:
        raise NotPlanted(f"fault {name} is not planted; planted: {', '.join(names) or 'none'}")
    _write(state, [other for other in names if other != name])


def lift_all(state: Path) -> None:
    """Lift every fault."""
    _write(state, [])


def _write(state: Path, names: list[str]) -> None:
    draft = state / "faults.json.new"
    draft.write_text(json.dumps(names))
    draft.replace(state / "faults.json")
