"""Whether the sessions of a baseline went on: what each side wrote down, against the limit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from conformance.evidence import attach, figure
from conformance.side_by_side import side_by_side
from conformance.upgrade.after import After
from conformance.upgrade.record import LEAST_SILENCE
from conformance.upgrade.sessions import SessionLost, Side

SHOWN = 3


def judge_sessions(after: After, limit: float) -> list[str]:
    """A line for each side at which something went wrong; ``limit`` in seconds. Keeps each pair's longest silence."""
    wrong = after.boots()
    lines = side_by_side([partial(_looked_at, side) for side in after.sides])
    lost = [line for line in lines if line]
    sound = [side for side, line in zip(after.sides, lines, strict=True) if not line]
    _keep(sound)
    return [*wrong, *lost, *(line for side in sound for line in side_findings(side, limit))]


def side_findings(side: Side, limit: float) -> list[str]:
    """What is wrong with what came to one side, the longest silences first; the sender is named first."""
    route = f"tcp {side.peer} -> {side.machine} ({side.session.where})"
    record = side.record
    silences = sorted(record.above(limit), key=lambda silence: silence.seconds, reverse=True)
    lines = []
    for silence in silences[:SHOWN]:
        when = side.clock.when(silence.begin).isoformat(timespec="seconds") if side.clock else f"{silence.begin} s"
        how = "nothing arrives since" if silence.ongoing else "nothing arrived from"
        lines.append(f"{route}: silence of {silence.seconds:.2f} s, the limit is {limit:g} s: {how} {when}")
    if len(silences) > SHOWN:
        lines.append(f"{route}: {len(silences) - SHOWN} more silences above {limit:g} s")
    lines += [f"{route}: {fault}" for fault in record.faults[:SHOWN]]
    if len(record.faults) > SHOWN:
        lines.append(f"{route}: {len(record.faults) - SHOWN} more faults of that kind")
    if not record.count:
        lines.append(f"{route}: nothing ever arrived")
    return lines


def _looked_at(side: Side) -> str:
    try:
        side.look()
    except SessionLost as error:
        return str(error)
    return ""


def _keep(looked_at: Sequence[Side]) -> None:
    text = []
    by_place: dict[str, float] = {}
    for side in looked_at:
        longest = side.record.longest
        # Shorter ones are not written down: none is told as the least that would have been.
        seconds = longest.seconds if longest else LEAST_SILENCE
        where = side.session.where
        by_place[where] = max(seconds, by_place.get(where, 0.0))
        text.append(f"{side}: {side.record.count} lines from {side.peer}, silences {side.record.all_silences}")
        text += [f"  {fault}" for fault in side.record.faults]
    for where, seconds in by_place.items():
        figure(f"longest silence in an upgrade, {where}", seconds, "s")
    attach("sessions during the upgrade", "\n".join(text))
