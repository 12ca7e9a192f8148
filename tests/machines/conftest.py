"""Serial lines, and time-outs short enough for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.timeouts import Timeouts
from tests.machines.serial_line import SerialLine

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def timeouts() -> Timeouts:
    """Long enough for a loaded machine: no test waits for one of these to pass unless it says so."""
    return Timeouts.load()


@pytest.fixture
def serial(tmp_path: Path) -> Iterator[Callable[..., SerialLine]]:
    """Makes serial lines, and ends them."""
    lines: list[SerialLine] = []

    def make(**options: Any) -> SerialLine:
        lines.append(SerialLine(tmp_path, **options))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


@pytest.fixture
def sample() -> Callable[[str, str], str]:
    """The recorded output of a program: ``sample("busybox", "ping")``."""
    return lambda kind, name: (SAMPLES / kind / f"{name}.txt").read_text()
