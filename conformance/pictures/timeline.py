"""Migrations and the sessions held open meanwhile, on one axis of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import Any

from conformance.pictures.axis import Axis, when
from conformance.pictures.svg import box, element, picture, width_of, words

WIDTH, EDGE = 720.0, 12.0
ROW, BARS = 18.0, 46.0
_SECOND = timedelta(seconds=1)

Exhibit = Mapping[str, Any]


def timeline(exhibits: Sequence[Exhibit]) -> str:
    """The picture of exhibits of the kinds ``migration`` and ``stream`` that belong together."""
    starts, ends = zip(*map(span, exhibits), strict=True)
    start, seconds = min(starts), (max(ends) - min(starts)).total_seconds()
    axis = Axis(start, max(seconds, 0.1), EDGE, WIDTH - EDGE)
    parts: list[str] = []
    y = 4.0
    for exhibit in exhibits:
        drawn, height = (_migration if exhibit["kind"] == "migration" else _stream)(exhibit, axis, y)
        parts += drawn
        y += height
    return picture(WIDTH, y + 20, alternative(exhibits), [*axis.ticks(0, y), *parts])


def span(exhibit: Exhibit) -> tuple[datetime, datetime]:
    """When it began and when it was over, by the suite's clock."""
    if exhibit["kind"] == "migration":
        return when(exhibit["requested"]), when(exhibit["ended"])
    started = when(exhibit["started"])
    return started, started + timedelta(seconds=exhibit["seconds"])


def alternative(exhibits: Sequence[Exhibit]) -> str:
    """What the picture shows, in sentences."""
    return " ".join(moved(each) if each["kind"] == "migration" else held(each) for each in exhibits)


def moved(exhibit: Exhibit) -> str:
    """A migration in a sentence."""
    start, end = span(exhibit)
    took = f"{(end - start).total_seconds():.1f} s"
    nodes = f"{exhibit['source'] or '?'} to {exhibit['target'] or '?'}"
    if exhibit["failure"]:
        return f"Migration of {exhibit['vm']} from {nodes} failed after {took}: {exhibit['failure']}."
    return f"Migration of {exhibit['vm']} from {nodes} took {took}."


def held(exhibit: Exhibit) -> str:
    """A session in a sentence."""
    count = sum(exhibit["arrivals"]["counts"])
    silence = ""
    if exhibit["silences"]:
        longest = exhibit["silences"][0]
        silence = f", longest silence {longest['seconds']:.2f} s at {longest['at']:.2f} s"
    faults = f"; {len(exhibit['faults'])} faults, first: {exhibit['faults'][0]}" if exhibit["faults"] else ""
    seconds = f"{exhibit['seconds']:.1f} s"
    return f"Session {exhibit['route']}: {count} arrivals at {exhibit['measuredOn']} in {seconds}{silence}{faults}."


def skew(exhibit: Exhibit) -> timedelta:
    """How far the cluster's clock seems to be behind the suite's; none while whole seconds explain the difference."""
    if not exhibit["phases"]:
        return timedelta()
    created, requested = when(exhibit["phases"][0]["at"]), when(exhibit["requested"])
    return requested - created if abs(requested - created) > 2 * _SECOND else timedelta()


def _migration(exhibit: Exhibit, axis: Axis, top: float) -> tuple[list[str], float]:
    start, end = span(exhibit)
    css = "p-bad-text" if exhibit["failure"] else "p-strong"
    took = f"{(end - start).total_seconds():.1f} s"
    moves = f"{_own(exhibit['vm'])}: {exhibit['source'] or '?'} → {exhibit['target'] or '?'}"
    parts = [words(EDGE, top + 12, f"{moves}, {'failed after ' if exhibit['failure'] else ''}{took}", css)]
    y = top + ROW
    parts.append(box(axis.x(start), y, max(axis.x(end) - axis.x(start), 2), 8, "p-bar", "asked for, until it was over"))
    y += 12
    for at, phases in groupby(exhibit["phases"], key=lambda phase: phase["at"]):
        # Whole seconds: it came about within that second, and while the migration lasted.
        earliest = when(at) + skew(exhibit)
        left = axis.x(min(max(earliest, start), end))
        right = axis.x(min(max(earliest + _SECOND, start), end))
        parts += _phase(_few([phase["phase"] for phase in phases]), left, right, y)
        y += ROW
    return parts, y - top + 6


def _few(phases: Sequence[str]) -> str:
    return ", ".join(phases) if len(phases) < 4 else f"{phases[0]} … {phases[-1]}"


def _own(name: str) -> str:
    return name.rpartition("/")[2]


def _phase(names: str, left: float, right: float, y: float) -> Iterator[str]:
    yield box(left, y + 4, max(right - left, 2), 9, "p-span")
    yield element("line", x1=left, x2=left, y1=y + 2, y2=y + 15, css="p-tick")
    if right + 6 + width_of(names) <= WIDTH:
        yield words(right + 6, y + 13, names)
    elif left - 6 - width_of(names) >= 0:
        yield words(left - 6, y + 13, names, anchor="end")
    else:
        yield words(left + 4, y + 13, names)


def _stream(exhibit: Exhibit, axis: Axis, top: float) -> tuple[list[str], float]:
    start = when(exhibit["started"])
    width, counts = exhibit["arrivals"]["width"], exhibit["arrivals"]["counts"]
    base = top + ROW + BARS + 18
    parts = [
        words(EDGE, top + 12, f"arrivals at {_own(exhibit['measuredOn'])}, each {width:g} s", "p-strong"),
        element("path", d=_bars(exhibit, axis, base), css="p-bars"),
        element("line", x1=axis.x(start), x2=axis.x(span(exhibit)[1]), y1=base, y2=base, css="p-tick"),
    ]
    if exhibit["silences"] and counts:
        parts += _silence(exhibit["silences"][0], start, axis, base)
    return parts, base + 14 - top


def _bars(exhibit: Exhibit, axis: Axis, base: float) -> str:
    begin = axis.x(when(exhibit["started"]))
    width, counts = exhibit["arrivals"]["width"], exhibit["arrivals"]["counts"]
    step = axis.x_after(width) - axis.left
    # What had piled up while nothing arrived comes in one bar, and would make the others look like nothing.
    most = 3 * median([count for count in counts if count] or [1])
    drawn, x = f"M{begin:.1f} {base:g}", begin
    for count, alike in groupby(counts):
        x += step * len(list(alike))
        drawn += f"V{base - BARS * min(count / most, 1):.1f}H{x:.1f}"
    return f"{drawn}V{base:g}z"


def _silence(longest: Mapping[str, float], start: datetime, axis: Axis, base: float) -> Iterator[str]:
    begin = start + timedelta(seconds=longest["at"])
    left, right = axis.x(begin), axis.x(begin + timedelta(seconds=longest["seconds"]))
    yield box(left, base - BARS, max(right - left, 1), BARS, "p-silence")
    yield element("path", d=f"M{left:.1f} {base + 3:.1f}v5H{max(right, left + 1):.1f}v-5", css="p-bracket")
    label = f"silent for {longest['seconds']:.2f} s"
    yield words(max(min(left, WIDTH - EDGE - width_of(label)), EDGE), base - BARS - 4, label, "p-bad-text")
