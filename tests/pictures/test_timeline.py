"""Pictures with an axis of time: what stands where."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from conformance.pictures.axis import clock, when
from conformance.pictures.gantt import gantt
from conformance.pictures.timeline import alternative, skew, timeline

START = "2025-01-02T03:04:05.500Z"
STREAM = {
    "kind": "stream",
    "route": "tcp ns/vm-a (10.0.0.1, worker-1) -> ns/vm-b (10.0.0.2:5201, worker-1)",
    "measuredOn": "ns/vm-a",
    "started": "2025-01-02T03:04:04.500Z",
    "accuracy": 0.1,
    "seconds": 10.0,
    "arrivals": {"width": 0.1, "counts": [2] * 40 + [0] * 20 + [2] * 40},
    "silences": [{"at": 4.0, "seconds": 2.0}],
    "faults": [],
}


def migration(**told: Any) -> dict[str, Any]:
    phases = [{"phase": "created", "at": "2025-01-02T03:04:05.000Z"}, {"phase": "Running", "at": START[:-4] + "000Z"}]
    made = {"kind": "migration", "vm": "ns/vm-b", "source": "worker-1", "target": "worker-2", "failure": ""}
    return made | {"requested": START, "ended": "2025-01-02T03:04:12.500Z", "phases": phases} | told


def element(svg: str, css: str) -> ElementTree.Element:
    return next(each for each in ElementTree.fromstring(svg).iter() if each.get("class") == css)


def test_a_silence_stands_under_the_migration_that_made_it() -> None:
    drawn = timeline([migration(), STREAM])
    move, silence = element(drawn, "p-bar"), element(drawn, "p-silence")
    begin, width = float(move.get("x", "")), float(move.get("width", ""))
    # Ten seconds in all: the move from 1 s to 8 s, the silence from 4 s to 6 s.
    second = width / 7
    assert abs(float(silence.get("x", "")) - (begin + 3 * second)) < 1
    assert abs(float(silence.get("width", "")) - 2 * second) < 1


def test_what_is_shown_is_told_in_words() -> None:
    told = alternative([migration(failure="target died"), STREAM])
    assert "Migration of ns/vm-b from worker-1 to worker-2 failed after 7.0 s: target died." in told
    assert "160 arrivals at ns/vm-a in 10.0 s, longest silence 2.00 s at 4.00 s." in told


def test_a_clock_that_goes_wrong_moves_the_phases_and_whole_seconds_do_not() -> None:
    assert skew(migration()).total_seconds() == 0
    assert skew(migration(phases=[])).total_seconds() == 0
    late = [{"phase": "created", "at": "2025-01-02T03:03:35.000Z"}]
    assert skew(migration(phases=late)).total_seconds() == 30.5


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=80), st.floats(0, 1e5))
def test_whatever_is_told_the_picture_is_well_formed(text: str, seconds: float) -> None:
    stream = STREAM | {"route": text, "measuredOn": text, "seconds": seconds, "silences": [], "faults": [text]}
    moved = migration(vm=text, failure=text, ended=START, phases=[{"phase": text, "at": START}] * 5)
    for exhibits in ([stream], [moved], [moved, stream]):
        assert ElementTree.fromstring(timeline(exhibits)).get("aria-label")


def test_the_chart_of_a_run_has_a_bar_for_each_test_that_began() -> None:
    test = {"worker": "gw0", "started": START, "duration": 4.0, "nodeid": "test_a.py::test_one", "verdict": "passed"}
    tests = [
        test,
        test | {"nodeid": "test_a.py::test_two", "verdict": "failed", "worker": "gw1"},
        test | {"nodeid": "test_a.py::test_three", "verdict": "blocked", "started": None},
    ]
    drawn = gantt(tests, when("2025-01-02T03:04:05+00:00"), 60)
    bars = [each for each in ElementTree.fromstring(drawn).iter() if each.get("class") in ("p-passed", "p-failed")]
    assert [each[0].text for each in bars] == [
        "test_a.py::test_one: passed, 4.0 s",
        "test_a.py::test_two: failed, 4.0 s",
    ]
    assert "failed, 4 s" in drawn
    assert "2 tests in 2 workers" in drawn


def test_times_read_as_one_says_them() -> None:
    assert [clock(each) for each in (0.5, 40, 150, 3720)] == ["0.5 s", "40 s", "2:30", "1:02:00"]
