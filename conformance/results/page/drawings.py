"""The pictures of the page, and the same in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.pictures.axis import when
from conformance.pictures.gantt import gantt
from conformance.pictures.matrix import matrix, wrong
from conformance.pictures.names import key, labels, way
from conformance.pictures.timeline import held, moved, skew, span, timeline

Exhibit = Mapping[str, Any]
LINES = 60


@dataclass(frozen=True)
class Drawing:
    """A picture as markup, its caption, and what it shows as lines of text."""

    caption: str
    svg: str
    lines: tuple[str, ...]


def drawings(exhibits: Iterable[Exhibit]) -> list[Drawing]:
    """A picture for each matrix, and one for each session with the migrations that it lived through."""
    shown = list(exhibits)
    matrices = sorted((each for each in shown if each["kind"] == "matrix"), key=lambda each: not wrong(each))
    moves = [each for each in shown if each["kind"] != "matrix"]
    return [_matrix(each) for each in matrices] + [_timeline(each) for each in _together(moves)]


def run(document: Mapping[str, Any]) -> Drawing:
    """What ran when: every test of the report once."""
    tests = {test["nodeid"]: test for each in document["requirements"] for test in each["tests"]}
    drawn = gantt(list(tests.values()), when(document["date"]), document["duration"])
    slow = sorted(tests.values(), key=lambda test: -test["duration"])[:10]
    lines = [f"{test['duration']:.1f} s, {test['verdict']}, worker {test['worker']}: {test['nodeid']}" for test in slow]
    return Drawing("What ran when, in which worker", drawn, tuple(lines))


def _matrix(exhibit: Exhibit) -> Drawing:
    bad, every = len(wrong(exhibit)), len(exhibit["paths"])
    verdict = f"{bad} of {every} paths are not as expected" if bad else f"all {every} paths are as expected"
    return Drawing(f"{exhibit['title']}: {verdict}", matrix(exhibit), tuple(_paths(exhibit)))


def _paths(exhibit: Exhibit) -> Iterator[str]:
    """Who reached whom, by way and outcome; then who is who."""
    ends = {key(end): end for path in exhibit["paths"] for end in (path["client"], path["server"])}
    names = labels(ends.values())
    groups: dict[tuple[bool, str, str, str], list[str]] = {}
    for path in exhibit["paths"]:
        pair = f"{names[key(path['client'])]} → {names[key(path['server'])]}"
        well = path["observed"] == path["expected"]
        groups.setdefault((well, way(path), path["expected"], path["observed"]), []).append(pair)
    for (well, one, expected, observed), pairs in sorted(groups.items(), key=lambda group: group[0][0]):
        outcome = f"{observed}, as expected" if well else f"{observed}, but expected {expected}"
        yield f"{one} {outcome}: {', '.join(pairs)}"
    for at, end in ends.items():
        yield f"{names[at]} is {end['name']}, {end['address']}" + (f" on {end['node']}" if end["node"] else "")


def _timeline(together: Sequence[Exhibit]) -> Drawing:
    moves = [f"migration of {each['vm']}" for each in together if each["kind"] == "migration"]
    sessions = [f"session measured at {each['measuredOn']}" for each in together if each["kind"] == "stream"]
    caption = ", ".join([*moves, *sessions])
    lines = [line for each in together for line in (_migration(each) if each["kind"] == "migration" else _stream(each))]
    return Drawing(caption, timeline(together), tuple(lines[:LINES]))


def _migration(exhibit: Exhibit) -> Iterator[str]:
    yield moved(exhibit)
    if exhibit["phases"]:
        phases = ", ".join(f"{phase['phase']} {phase['at'][11:19]}" for phase in exhibit["phases"])
        yield f"Phases by the cluster's clock, in whole seconds: {phases}."
    if late := skew(exhibit).total_seconds():
        how = "behind" if late > 0 else "ahead of"
        yield f"The cluster's clock is {abs(late):.0f} s {how} the suite's; the phases are drawn by the suite's."


def _stream(exhibit: Exhibit) -> Iterator[str]:
    yield held(exhibit)
    silences = ", ".join(f"{each['seconds']:.2f} s at {each['at']:.2f} s" for each in exhibit["silences"])
    yield f"Longest silences: {silences}. On the axis the session is placed to within {exhibit['accuracy']:.1f} s."
    yield from exhibit["faults"]


def _together(exhibits: Sequence[Exhibit]) -> list[list[Exhibit]]:
    """Exhibits whose times overlap, by time; migrations before the sessions that they disturb."""
    groups: list[list[Exhibit]] = []
    for each in sorted(exhibits, key=span):
        begin, _ = span(each)
        if groups and begin <= max(span(other)[1] for other in groups[-1]):
            groups[-1].append(each)
        else:
            groups.append([each])
    return [sorted(group, key=lambda each: each["kind"]) for group in groups]
