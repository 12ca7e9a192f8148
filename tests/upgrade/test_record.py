"""What an end writes down is read as it was meant, in whatever portions, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.upgrade.record import LEAST_SILENCE, BadRecord, Record, Silence

LINES = st.lists(
    st.one_of(
        st.integers(0, 10**7).map(lambda at: f"began {at}"),
        st.tuples(st.integers(0, 10**7), st.integers(50, 10**6)).map(lambda pair: f"silence {pair[0]} {sum(pair)}"),
        st.tuples(st.integers(0, 10**7), st.integers(0, 99), st.integers(0, 99)).map(
            lambda three: "disorder {} {} {}".format(*three)
        ),
        st.integers(0, 10**7).map(lambda at: f"foreign {at}"),
        st.integers(0, 10**7).map(lambda at: f"closed {at}"),
    ),
    max_size=20,
)


def read(*looks: str) -> Record:
    record = Record()
    for look in looks:
        record.look(look)
    return record


@given(LINES, st.data())
def test_it_does_not_matter_in_how_many_looks_it_is_read(lines: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines)))
    head = "looked 100000.00 9999990 7"
    whole = read("\n".join([head, *lines]))
    parts = read("\n".join([head, *lines[:at]]), "\n".join([head, *lines[at:]]))
    assert whole == parts
    assert whole.lines == len(lines)
    assert len(whole.silences) == sum(line.startswith("silence") for line in lines)
    assert len(whole.faults) == sum(line.split()[0] in ("disorder", "foreign", "closed") for line in lines)


@given(st.floats(0.51, 10**4), st.floats(0.6, 10**4))
def test_a_silence_counts_exactly_when_it_is_longer_than_the_limit(seconds: float, limit: float) -> None:
    begin, end = 1000, 1000 + round(seconds * 100)
    (silence,) = read(f"looked 100000.00 9999990 7\nsilence {begin} {end}").all_silences
    record = read(f"looked 100000.00 9999990 7\nsilence {begin} {end}")
    assert bool(record.above(limit)) is (silence.seconds > limit)
    assert record.longest == silence


@given(st.integers(0, 10**5))
def test_the_silence_that_goes_on_is_seen_at_each_look(hundredths: int) -> None:
    record = read(f"looked {(5000 + hundredths) / 100:.2f} 5000 7")
    if hundredths / 100 < LEAST_SILENCE:
        assert record.all_silences == []
    else:
        assert record.all_silences == [Silence(50.0, (5000 + hundredths) / 100, ongoing=True)]


def test_of_two_arrivals_the_newer_counts_whichever_comes_first() -> None:
    for head in ("looked 60.00 5990 12 5980 11", "looked 60.00 5980 11 5990 12", "looked 60.00 5990 12"):
        record = read(head)
        assert (record.count, record.last) == (12, 59.9)
    assert read("looked 60.00").last is None


@pytest.mark.parametrize(
    "look",
    [
        "",
        "lost in the console",
        "looked",
        "looked soon",
        "looked 60.00 5990",
        "looked 60.00 5990 12\nsilence 5",
        "looked 60.00 5990 12\nsilence 5 later",
        "looked 60.00 5990 12\nSilence 5 6",
        "looked 60.00 5990 12\n\n",
        "looked ٦٠.00",
    ],
)
def test_what_no_end_writes_is_refused(look: str) -> None:
    with pytest.raises(BadRecord):
        read(look)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        Record().look(text)
    except BadRecord as error:
        told = str(error)
    else:
        return
    assert told
