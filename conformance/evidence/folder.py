"""The folder of one test: its text log and its attachments as files."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.evidence.recorder import Attached, Event, Exhibited, Figured, Noted, StepEnded, StepStarted
from conformance.evidence.redaction import REDACTOR

LOG = "log.txt"
_SUFFIXES = {
    "text/plain": ".txt",
    "application/yaml": ".yaml",
    "application/json": ".json",
    "text/html": ".html",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "text/csv": ".csv",
}


@dataclass(frozen=True)
class Figure:
    """A measured number as it stands in the report."""

    name: str
    value: float
    unit: str


@dataclass
class TestFolder:
    """Writes the events of one test below ``folder``, and keeps what the report says of them."""

    __test__ = False

    folder: Path
    figures: list[Figure] = field(default_factory=list)
    exhibits: list[dict[str, Any]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._depths: dict[int, int] = {}
        self._starts: dict[str, float] = {}

    def receive(self, event: Event) -> None:
        """Write one event down; a disk that is full costs the evidence, and is noted, but not the test."""
        try:
            self._receive(event)
        except OSError as error:
            remark = f"evidence is incomplete: {error.filename or self.folder}: {error.strerror}"
            if remark not in self.notes:
                self.notes.append(remark)

    def _receive(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._line(event.at, f"{event.title} …")
                self._starts[event.id] = event.at
                self._depths[threading.get_ident()] = self._depth + 1
            case StepEnded():
                self._depths[threading.get_ident()] = max(0, self._depth - 1)
                took = event.at - self._starts.pop(event.id, event.at)
                how = "done" if event.error is None else f"FAILED: {first_line(event.error)}"
                self._line(event.at, f"{event.title}: {how} ({took:.2f} s)")
            case Attached():
                self._line(event.at, f"attached {self._keep(event).name}")
            case Figured():
                self.figures.append(Figure(event.name, event.value, event.unit))
                self._line(event.at, f"{event.name} = {event.value:g} {event.unit}")
            case Exhibited():
                self.exhibits.append(event.data)
            case Noted():
                self.notes.append(event.text)
                self._line(event.at, f"note: {event.text}")

    @property
    def _depth(self) -> int:
        """How deep this thread's steps are nested; a new thread's stand below those of the main one."""
        main = self._depths.get(threading.main_thread().ident or 0, 0)
        return self._depths.get(threading.get_ident(), main)

    def _line(self, at: float, text: str) -> None:
        file = self.folder / LOG
        if file not in self.files:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.files.append(file)
            file.write_text("", encoding="utf-8")
        with file.open("a", encoding="utf-8") as log:
            log.write(f"{at - self._began:+9.3f}s {'  ' * self._depth}{text}\n")

    def _keep(self, event: Attached) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        number = sum(1 for file in self.files if file.name != LOG) + 1
        suffix = _SUFFIXES.get(event.type, ".bin")
        file = self.folder / f"{number:02}-{slug(event.name)}{suffix}"
        file.write_bytes(event.body)
        self.files.append(file)
        return file


def slug(text: str) -> str:
    """A file name for any text: readable, and told apart from others by a hash when it had to be cut."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"
    if len(plain) <= 80:
        return plain
    return f"{plain[:70]}-{hashlib.sha256(text.encode('utf-8')).hexdigest()[:8]}"


def first_line(error: BaseException) -> str:
    """The first line of what an exception says, or its type when it says nothing."""
    text = str(error).strip()
    return REDACTOR.text(text.splitlines()[0]) if text else type(error).__name__
