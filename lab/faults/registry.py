"""What a fault is, and the list of those there are.

A fault is defined in a module of this folder by :func:`fault`, and does what its functions do: at seams, by
:meth:`Fault.at`, or in ``settle``, which brings along what was there before, once the list of planted faults has
changed: it is called after planting and after lifting alike, and reads from that list which of the two it was.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from lab.config import LabConfig
from lab.faults import seams

DURING_UPGRADE = "-during-upgrade"
Settle = Callable[[LabConfig], Awaitable[None]]


class UnknownFault(LookupError):
    """No fault has that name."""


@dataclass(frozen=True)
class Fault:
    """A named way to break the lab.

    ``breaks`` are the requirements that do not hold while it is planted, ``message`` is a regular expression that
    the message of each of their failing tests must match, ``run_options`` shorten a run that must wait in vain.
    """

    name: str
    says: str
    breaks: tuple[str, ...]
    message: str
    run_options: tuple[str, ...] = ()
    settle: Settle | None = None

    def at(self, point: str) -> Callable[[seams.Transform], seams.Transform]:
        """Register a function as what the fault does at a seam."""
        return seams.at(self.name, point)

    @property
    def during_upgrade(self) -> Fault:
        """The same, at work only while an upgrade is played; see ``definitions.played``."""
        return replace(self, name=f"{self.name}{DURING_UPGRADE}")

    def describe(self) -> dict[str, Any]:
        """Plain data about it, for the command."""
        data = asdict(self)
        del data["settle"]
        return data


_FAULTS: dict[str, Fault] = {}


def fault(
    name: str,
    says: str,
    *breaks: str,
    message: str,
    run_options: tuple[str, ...] = (),
    settle: Settle | None = None,
) -> Fault:
    """Define a fault. ``ValueError`` if the name is taken or the pattern is none."""
    if name in _FAULTS:
        raise ValueError(f"there are two faults {name}")
    try:
        re.compile(message)
    except re.error as error:
        raise ValueError(f"fault {name}: message {message!r} is no pattern: {error}") from error
    _FAULTS[name] = Fault(name, says, breaks, message, run_options, settle)
    return _FAULTS[name]


def faults() -> tuple[Fault, ...]:
    """Every fault whose module is loaded, by name."""
    return tuple(_FAULTS[name] for name in sorted(_FAULTS))


def find(name: str) -> Fault:
    """The fault of that name; raises :class:`UnknownFault`."""
    if name not in _FAULTS:
        raise UnknownFault(f"there is no fault {name}; `python -m lab fault list` shows those there are")
    return _FAULTS[name]
