"""What is kept to be drawn: nothing is lost in counting, and no secret comes along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from conformance.evidence import exhibit
from conformance.evidence.exhibits import BARS, End, MatrixExhibit, StreamExhibit, moment
from conformance.evidence.exhibits import Path as TriedPath
from conformance.evidence.folder import TestFolder
from conformance.evidence.recorder import RECORDER

NOON = datetime(2025, 1, 2, 12, 0, tzinfo=UTC)


def stream(gaps: list[float]) -> StreamExhibit:
    """A session whose arrivals are that far apart; the last gap is the silence at its end."""
    times = [0.0]
    for gap in gaps[:-1]:
        times.append(times[-1] + gap)
    return StreamExhibit("a -> b", "b", NOON, 0.1, times[-1] + gaps[-1], tuple(times), ())


@given(st.lists(st.floats(0, 400, allow_nan=False), min_size=1, max_size=300))
def test_every_arrival_is_counted_and_the_longest_silence_comes_first(gaps: list[float]) -> None:
    plain = stream(gaps).to_plain()
    assert sum(plain["arrivals"]["counts"]) == len(gaps)
    assert len(plain["arrivals"]["counts"]) <= BARS + 2
    assert abs(plain["silences"][0]["seconds"] - max(gaps)) < 0.01


def test_a_silence_stands_where_it_began() -> None:
    plain = stream([0.05, 0.05, 3.0, 0.05]).to_plain()
    assert plain["silences"][0] == {"at": 0.1, "seconds": 3.0}
    assert plain["arrivals"]["counts"][2:31] == [0] * 29


def test_moments_are_utc() -> None:
    assert moment(NOON + timedelta(milliseconds=1234)) == "2025-01-02T12:00:01.234Z"


def test_an_exhibit_is_kept_without_its_secrets(tmp_path: Path) -> None:
    folder = TestFolder(tmp_path)
    unsubscribe = RECORDER.subscribe(folder)
    ends = End("a", "10.0.0.1", "worker-1"), End("b", "10.0.0.2", "worker-2")
    exhibit(MatrixExhibit("all", NOON, (TriedPath(*ends, "tcp", 80, "reached", "blocked", "token=abcdefgh"),)))
    unsubscribe()
    (shown,) = folder.exhibits
    assert shown["paths"][0]["how"] == "token=[redacted]"
    assert shown["paths"][0]["server"] == {"name": "b", "address": "10.0.0.2", "node": "worker-2"}
