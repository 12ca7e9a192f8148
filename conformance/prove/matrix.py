"""What was proved, as a table and as ``proofs.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.results.files import write

FILE = "proofs.json"
WITHOUT_FAULT = "no fault is known that it catches"


@dataclass(frozen=True)
class Entry:
    """One requirement under one fault, and without it."""

    requirement: str
    fault: str
    says: str
    proved: bool
    why: str
    seconds: float


@dataclass
class Matrix:
    """Everything that was tried; ``unproved`` are requirements with a test that no fault breaks."""

    part: str | None = None
    entries: list[Entry] = field(default_factory=list)
    unproved: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def proved(self) -> bool:
        """Whether all that was asked for is proved."""
        return not self.interrupted and not self.unproved and all(entry.proved for entry in self.entries)

    def save(self, out: Path) -> Path:
        """Write it below ``out``; raises OSError."""
        file = out / FILE
        write(file, json.dumps(self._data(), indent=2, ensure_ascii=False) + "\n")
        return file

    def show(self, console: Console) -> None:
        """Print the table and the count."""
        table = Table("requirement", "fault", "proved", "what the test says", box=None, pad_edge=False)
        for entry in sorted(self.entries, key=lambda entry: (entry.requirement, entry.fault)):
            mark = Text("yes", style="green") if entry.proved else Text("NO", style="bold red")
            table.add_row(Text(entry.requirement), Text(entry.fault), mark, Text(entry.why))
        for id in self.unproved:
            table.add_row(Text(id), Text("-"), Text("NO", style="bold red"), Text(WITHOUT_FAULT))
        console.print(table)
        good = sum(entry.proved for entry in self.entries)
        requirements = {entry.requirement for entry in self.entries} | set(self.unproved)
        bad = {entry.requirement for entry in self.entries if not entry.proved} | set(self.unproved)
        console.print(
            f"{len(requirements) - len(bad)} of {len(requirements)} requirements proved, "
            f"{good} of {len(self.entries)} findings as they should be"
            + (f" (part {self.part})" if self.part else "")
            + ("; interrupted" if self.interrupted else ""),
            markup=False,
            highlight=False,
        )

    def _data(self) -> dict[str, Any]:
        return {
            "proved": self.proved,
            "part": self.part,
            "interrupted": self.interrupted,
            "proofs": [
                {
                    "requirement": entry.requirement,
                    "fault": entry.fault,
                    "says": entry.says,
                    "proved": entry.proved,
                    "why": entry.why,
                    "seconds": round(entry.seconds, 1),
                }
                for entry in self.entries
            ],
            "unproved": list(self.unproved),
        }
