"""The faults that the lab knows, the file that lists those planted, and the log of how they came and went."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from lab.config import LabConfig
from lab.faults import registry
from lab.faults.registry import Fault, Settle, UnknownFault

__all__ = ["NotPlanted", "UnknownFault", "all_faults", "changes", "lift", "lift_all", "load", "plant", "planted"]

LOG = "faults.log"
THEMES = (
    "addresses",
    "api_rules",
    "cluster_networks",
    "egress",
    "families",
    "isolation",
    "layer3",
    "lifecycle",
    "masquerade",
    "migration",
    "networks",
    "paths",
    "policies",
    "services",
    "upgrade",
    "settings",
    "way_in",
)


class NotPlanted(LookupError):
    """A fault was to be lifted that is not planted."""


def load() -> None:
    """Import the modules that define faults, once."""
    for theme in THEMES:
        import_module(f"lab.faults.{theme}")


def all_faults() -> tuple[Fault, ...]:
    """Every fault there is, by name."""
    load()
    return registry.faults()


def planted(state: Path) -> list[str]:
    """Names of the faults planted in the lab of a state directory, in the order of planting."""
    try:
        return list(json.loads((state / "faults.json").read_text()))
    except FileNotFoundError:
        return []


def changes(state: Path) -> int:
    """How often a fault was planted or lifted since the lab came up; an upgrade that is played does not count."""
    try:
        return len((state / LOG).read_text().splitlines())
    except FileNotFoundError:
        return 0


def plant(state: Path, name: str) -> None:
    """Plant a fault, as the last if it is planted. Raises ``UnknownFault``, or what its settling raises."""
    load()
    fault = registry.find(name)
    before = planted(state)
    _log(state, "planted", [name] if name not in before else [])
    _write(state, [*(other for other in before if other != name), name])
    _settle(state, [fault])


def lift(state: Path, name: str) -> None:
    """Lift a fault; raises :class:`NotPlanted`, or what its settling raises."""
    names = planted(state)
    if name not in names:
        raise NotPlanted(f"fault {name} is not planted; planted: {', '.join(names) or 'none'}")
    load()
    _log(state, "lifted", [name])
    _write(state, [other for other in names if other != name])
    _settle(state, [registry.find(name)])


def lift_all(state: Path) -> None:
    """Lift every fault; raises what their settling raises, none of them being planted any more."""
    load()
    names = planted(state)
    _log(state, "lifted", names)
    _write(state, [])
    _settle(state, [fault for fault in registry.faults() if fault.name in names])


@contextmanager
def played(state: Path) -> Iterator[None]:
    """An upgrade, until the block ends: faults that wait for one are at work."""
    _write(state, [*planted(state), *(f"{name}{registry.DURING_UPGRADE}" for name in planted(state))])
    try:
        yield
    finally:
        _write(state, [name for name in planted(state) if not name.endswith(registry.DURING_UPGRADE)])


def _settle(state: Path, faults: Sequence[Fault]) -> None:
    """Have what is there follow the list, each way of doing so once."""
    ways: list[Settle] = list(dict.fromkeys(fault.settle for fault in faults if fault.settle is not None))
    if not ways:
        return

    async def settle() -> None:
        config = LabConfig.load(state)
        for way in ways:
            await way(config)

    asyncio.run(settle())


def _log(state: Path, what: str, names: Sequence[str]) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with (state / LOG).open("a") as log:
        log.writelines(f"{now} {what} {name}\n" for name in names)


def _write(state: Path, names: list[str]) -> None:
    draft = state / "faults.json.new"
    draft.write_text(json.dumps(names))
    draft.replace(state / "faults.json")
