"""A guest's clock beside the suite's: guests know the time since their boot, which no clock of theirs need keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from conformance.machines.guest import Guest


@dataclass(frozen=True)
class Clock:
    """When the guest was up for ``uptime`` seconds it was ``at`` (UTC), to within ``accuracy`` seconds."""

    uptime: float
    at: datetime
    accuracy: float

    def when(self, uptime: float) -> datetime:
        """The suite's time at which the guest was up for that many seconds."""
        return self.at + timedelta(seconds=uptime - self.uptime)


def read_clock(guest: Guest, then: str = ":") -> Clock:
    """Compare both clocks by one short command, and run ``then`` in it; raises ``ShellError``."""
    asked = datetime.now(UTC)
    told = guest.must(f"read -r now rest </proc/uptime; {then}; echo $now", idempotent=True)
    half = (datetime.now(UTC) - asked) / 2
    return Clock(float(told.split()[-1]), asked + half, half.total_seconds())
