"""What the runs of the proofs are at, by what they print: shown where it would be silent for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from conformance.progress.reporter import PATIENCE, TICK
from conformance.prove.runs import LOG

_END = 4096  # bytes of a log that hold its last line


class Talking(Console):
    """A console that knows when it said something last, by the monotonic clock."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.spoke = time.monotonic()

    def print(self, *objects: Any, **settings: Any) -> None:
        """As Console does."""
        self.spoke = time.monotonic()
        super().print(*objects, **settings)


@contextmanager
def followed(console: Talking, results: Path) -> Iterator[None]:
    """For as long as the block runs, tell what the newest run below ``results`` is at.

    On a terminal in a line at its bottom, else in a line of its own after long silence.
    """
    over, began = threading.Event(), time.time()
    with console.status("planting") as status:

        def follow() -> None:
            while not over.wait(TICK):
                line = at(results, began)
                if line and console.is_terminal:
                    status.update(Text(line, no_wrap=True, overflow="ellipsis"))
                elif line and time.monotonic() - console.spoke >= PATIENCE:
                    console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)

        follower = threading.Thread(target=follow, name="following", daemon=True)
        follower.start()
        try:
            yield
        finally:
            over.set()
            follower.join()


def at(results: Path, since: float) -> str:
    """The run that printed last, and the last line that it printed of its tests; empty when none did.

    ``since`` is a moment of the system's clock: what is older is of another command.
    """
    try:
        newest = max(results.glob(f"*/{LOG}"), key=lambda log: log.stat().st_mtime, default=None)
        if newest is None or newest.stat().st_mtime < since:
            return ""
        with newest.open("rb") as stream:
            stream.seek(max(0, newest.stat().st_size - _END))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return ""  # taken away meanwhile
    told = [line.strip() for line in lines if line.startswith("[")]
    return f"{newest.parent.name}: {told[-1]}" if told else newest.parent.name
