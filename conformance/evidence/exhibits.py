"""What a test saw, as data for a report to draw: who reached whom, a session's arrivals, a live migration.

Each kind is a class; ``to_plain`` gives it as it stands in report.json (``reports/conformance-report.schema.json``).
Times with a date are UTC by the suite's clock, unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

BARS = 240
"""The most bars in which a session's arrivals are counted."""
SILENCES = 5
_SHORTEST_BAR = 0.1


class Exhibit(Protocol):
    """Something to be drawn."""

    def to_plain(self) -> dict[str, Any]:
        """Plain data; ``kind`` tells what it is."""


@dataclass(frozen=True)
class End:
    """One end of a path: its name, address, and node."""

    name: str
    address: str
    node: str

    def to_plain(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "address": self.address, "node": self.node}


@dataclass(frozen=True)
class Path:
    """One path: ``expected`` is ``reached`` or ``blocked``; ``observed`` may be ``arrived`` too, which is one way only.

    ``port`` is None for ICMP; ``how`` is what the attempt showed, in one line.
    """

    client: End
    server: End
    protocol: str
    port: int | None
    expected: str
    observed: str
    how: str

    def to_plain(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "client": self.client.to_plain(),
            "server": self.server.to_plain(),
            "protocol": self.protocol,
            "port": self.port,
            "expected": self.expected,
            "observed": self.observed,
            "how": self.how,
        }


@dataclass(frozen=True)
class MatrixExhibit:
    """Paths that were tried side by side; ``at`` is when the last answer was in."""

    title: str
    at: datetime
    paths: tuple[Path, ...]

    def to_plain(self) -> dict[str, Any]:
        """Plain data."""
        paths = [path.to_plain() for path in self.paths]
        return {"kind": "matrix", "title": self.title, "at": moment(self.at), "paths": paths}


@dataclass(frozen=True)
class MigrationExhibit:
    """A live migration, whatever came of it.

    ``requested`` and ``ended`` are by the suite's clock. ``phases`` are those of the VirtualMachineInstanceMigration,
    by the cluster's clock and in whole seconds; the first is ``created``. ``failure`` is empty when it moved.
    """

    vm: str
    source: str
    target: str
    requested: datetime
    ended: datetime
    phases: tuple[tuple[str, datetime], ...]
    failure: str

    def to_plain(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kind": "migration",
            "vm": self.vm,
            "source": self.source,
            "target": self.target,
            "requested": moment(self.requested),
            "ended": moment(self.ended),
            "phases": [{"phase": phase, "at": moment(at)} for phase, at in self.phases],
            "failure": self.failure,
        }


@dataclass(frozen=True)
class StreamExhibit:
    """The arrivals of a session at the side whose clock counts.

    ``started`` is the first arrival, placed on the suite's clock to within ``accuracy`` seconds; ``times`` are seconds
    since then, in order; the session was looked at for ``seconds``.
    """

    route: str
    measured_on: str
    started: datetime
    accuracy: float
    seconds: float
    times: tuple[float, ...]
    faults: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """Plain data: arrivals counted in bars of equal width, and the longest silences, longest first."""
        width = max(_SHORTEST_BAR, math.ceil(100 * self.seconds / BARS) / 100)
        gaps = [(later - at, at) for at, later in zip(self.times, (*self.times[1:], self.seconds), strict=True)]
        longest = sorted(gaps, key=lambda gap: (-gap[0], gap[1]))[:SILENCES]
        return {
            "kind": "stream",
            "route": self.route,
            "measuredOn": self.measured_on,
            "started": moment(self.started),
            "accuracy": round(self.accuracy, 3),
            "seconds": round(self.seconds, 3),
            "arrivals": {"width": width, "counts": _counted(self.times, width, self.seconds)},
            "silences": [{"at": round(at, 3), "seconds": round(gap, 3)} for gap, at in longest],
            "faults": list(self.faults),
        }


def moment(at: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _counted(times: Sequence[float], width: float, seconds: float) -> list[int]:
    counts = [0] * (int(seconds / width) + 1)
    for at in times:
        counts[min(int(at / width), len(counts) - 1)] += 1
    return counts
