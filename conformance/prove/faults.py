"""The lab's faults, by its command alone: what they are, planting and lifting them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from conformance.provider import command


class FaultsFailed(Exception):
    """The lab did not do what it was told about its faults; one line that says why."""


@dataclass(frozen=True)
class Fault:
    """One fault: the requirements that it breaks, and what the message of a failing test must match."""

    name: str
    says: str
    breaks: tuple[str, ...]
    message: re.Pattern[str]
    run_options: tuple[str, ...] = ()


class LabFaults:
    """The faults of one lab."""

    def __init__(self, lab: str) -> None:
        self._lab = ("--name", lab)

    def all(self) -> tuple[Fault, ...]:
        """Every fault that the lab knows, by name; raises FaultsFailed."""
        printed = self._call("list", "--json")
        try:
            return tuple(
                Fault(
                    entry["name"],
                    entry["says"],
                    tuple(entry["breaks"]),
                    re.compile(entry["message"]),
                    tuple(entry["run_options"]),
                )
                for entry in json.loads(printed)
            )
        except (ValueError, KeyError, TypeError, re.error) as error:
            raise FaultsFailed(
                f"`python -m lab fault list --json` printed something else than faults: {error}"
            ) from error

    def plant(self, fault: Fault) -> None:
        """Plant it; raises FaultsFailed."""
        self._call("plant", fault.name)

    def lift_all(self) -> None:
        """Lift all there are; raises FaultsFailed."""
        self._call("lift", "--all")

    def _call(self, *arguments: str) -> str:
        argv = command(["fault", *arguments, *self._lab])
        try:
            # In a session of its own: Ctrl-C must not end what lifts a fault.
            answer = subprocess.run(
                argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, start_new_session=True, check=False
            )
        except OSError as error:
            raise FaultsFailed(f"the lab's command cannot be run: {error}") from error
        if answer.returncode:
            lines: Sequence[str] = (answer.stderr or answer.stdout).strip().splitlines()
            said = lines[-1] if lines else f"status {answer.returncode}, nothing printed"
            raise FaultsFailed(f"`python -m lab fault {' '.join(arguments)}`: {said}")
        return answer.stdout
