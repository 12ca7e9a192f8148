"""What ran when, and in which worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from conformance.pictures.axis import Axis, clock, when
from conformance.pictures.svg import LINE, box, picture, words

WIDTH, NAMES, EDGE = 960.0, 330.0, 8.0
ROW = 17.0
_ROOM = 110.0
_LETTERS = 46

Test = Mapping[str, Any]


def gantt(tests: Sequence[Test], started: datetime, seconds: float) -> str:
    """A bar for each test of a report that tells when it began, in a block for each worker."""
    axis = Axis(started, max(seconds, 1.0), NAMES, WIDTH - _ROOM)
    ordered = sorted((test for test in tests if test["started"]), key=lambda test: (test["worker"], test["started"]))
    parts: list[str] = []
    y = 4.0
    for worker, own in groupby(ordered, key=lambda test: test["worker"]):
        parts += [box(0, y, WIDTH, LINE + 2, "p-band"), words(EDGE, y + 13, f"worker {worker}", "p-strong")]
        y += LINE + 4
        for test in own:
            parts += _bar(test, axis, y)
            y += ROW
    return picture(WIDTH, y + 20, alternative(ordered, seconds), [*axis.ticks(0, y), *parts])


def alternative(tests: Sequence[Test], seconds: float) -> str:
    """What the chart shows, in sentences."""
    if not tests:
        return "No test began."
    workers = len({test["worker"] for test in tests})
    slow = sorted(tests, key=lambda test: -test["duration"])[:3]
    longest = ", ".join(f"{name(test)} {clock(round(test['duration'], 1))}" for test in slow)
    return f"{len(tests)} tests in {workers} workers within {clock(round(seconds))}; the longest: {longest}."


def name(test: Test) -> str:
    """The test without its folder."""
    return str(test["nodeid"]).rpartition("::")[2].removeprefix("test_")


def _bar(test: Test, axis: Axis, y: float) -> Iterator[str]:
    start = when(test["started"])
    left, right = axis.x(start), axis.x(start + timedelta(seconds=test["duration"]))
    verdict = str(test["verdict"])
    shown = name(test)
    shown = shown if len(shown) <= _LETTERS else f"{shown[: _LETTERS - 1]}…"
    yield words(NAMES - 8, y + 12, shown.replace("_", " "), anchor="end")
    hint = f"{test['nodeid']}: {verdict}, {test['duration']:.1f} s"
    yield box(left, y + 2, max(right - left, 2), ROW - 5, f"p-{verdict.replace(' ', '-')}", hint)
    well = verdict in ("passed", "confirmed")
    said = clock(round(test["duration"], 1)) if well else f"{verdict}, {clock(round(test['duration'], 1))}"
    yield words(right + 6, y + 12, said, "p-soft" if well else "p-bad-text")
