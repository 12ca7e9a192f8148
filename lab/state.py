"""What the supervisor tells of itself, in ``supervisor.json`` of the state directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lab.processes import Owned, started

Phase = Literal["starting", "ready", "degraded", "stopping", "failed"]


@dataclass(frozen=True)
class SupervisorState:
    """``phase``: ``degraded`` when a process ended by itself after the lab was ready; ``error`` says which."""

    phase: Phase
    pid: int
    started: int
    error: str = ""
    processes: tuple[Owned, ...] = field(default=())

    def alive(self) -> bool:
        """Whether that supervisor still runs."""
        return started(self.pid) == self.started


def write(folder: Path, state: SupervisorState) -> None:
    """Write the file, whole or not at all; nothing happens when the folder is gone."""
    if folder.is_dir():
        draft = folder / "supervisor.json.new"
        draft.write_text(json.dumps(asdict(state), indent=1))
        draft.replace(folder / "supervisor.json")


def read(folder: Path) -> SupervisorState | None:
    """The state last written; None if there is none."""
    try:
        data: dict[str, Any] = json.loads((folder / "supervisor.json").read_text())
    except FileNotFoundError:
        return None
    return SupervisorState(**{**data, "processes": tuple(Owned(**entry) for entry in data["processes"])})
