"""What a watch has seen, as data for its file and as lines for people. Pure functions, but for the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.evidence import REDACTOR
from conformance.results.files import write
from conformance.upgrade.judging import side_findings
from conformance.upgrade.record import Silence
from conformance.upgrade.sessions import Side
from conformance.upgrade.watching import Sight, Watch

FILE = "upgrade-watch.json"


def save(watch: Watch, out: Path) -> Path:
    """Write all that was seen below ``out``, at once; raises OSError."""
    file = out / FILE
    data: dict[str, Any] = REDACTOR.object(document(watch))
    write(file, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return file


def document(watch: Watch) -> dict[str, Any]:
    """All that was seen. Times are the suite's (UTC), by each guest's clock beside it; silences in seconds."""
    return {
        "baseline": watch.after.baseline.name,
        "started": _time(watch.started),
        "written": _time(datetime.now(UTC)),
        "limit": watch.limit,
        "silenceAboveLimit": any(sight.side.record.above(watch.limit) for sight in watch.sights),
        "whole": not any(True for _ in findings(watch)),
        "sides": [_side(sight, watch.limit) for sight in watch.sights],
    }


def findings(watch: Watch) -> Iterator[str]:
    """A line for each thing that went wrong, or that is not known."""
    for sight in watch.sights:
        yield from (f"{sight.side}: {lost}" for lost in sight.lost)
        if sight.seen is None:
            yield f"{sight.side}: was never seen: {sight.blind or 'there was no time'}"
            continue
        yield from side_findings(sight.side, watch.limit)
        if sight.blind:
            yield f"{sight.side}: not seen since {_time(sight.seen)}, verify will tell: {sight.blind}"


def summary(watch: Watch) -> Iterator[str]:
    """A line for each session: the longest silence in each direction."""
    by_session: dict[str, list[Side]] = {}
    for sight in watch.sights:
        by_session.setdefault(str(sight.side.session), []).append(sight.side)
    for name, ends in by_session.items():
        yield f"{name}: " + "; ".join(f"{_longest(end)} at {end.machine.name}" for end in ends)


def _longest(side: Side) -> str:
    longest = side.record.longest
    return f"longest silence {longest.seconds:.2f} s" if longest else "no silence worth noting"


def _side(sight: Sight, limit: float) -> dict[str, Any]:
    side = sight.side
    return {
        "session": side.session.name,
        "where": side.session.where,
        "from": str(side.peer),
        "at": str(side.machine),
        "arrived": side.record.count,
        "sessions": side.record.began,
        "silences": [_silence(side, silence, limit) for silence in side.record.all_silences],
        "faults": list(side.record.faults),
        "lost": list(sight.lost),
        "seen": _time(sight.seen) if sight.seen else None,
        "blind": sight.blind or None,
    }


def _silence(side: Side, silence: Silence, limit: float) -> dict[str, Any]:
    clock = side.clock
    return {
        "seconds": silence.seconds,
        "from": _time(clock.when(silence.begin)) if clock else None,
        "ongoing": silence.ongoing,
        "aboveLimit": silence.seconds > limit,
    }


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
