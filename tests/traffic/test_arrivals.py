"""What a record of arrivals tells, and that nothing which is wrong with it goes unsaid."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from conformance.traffic.arrivals import Timeline, read_arrivals

TOKEN = "udncabc"


def record(*lines: str, end: int | None = None, at: float = 100.0) -> str:
    text = [f"{at + 0.05 * number:.2f} {line}" for number, line in enumerate(lines)]
    if end is not None:
        text.append(f"{at + 0.05 * len(lines):.2f} {TOKEN} end {end}")
    return "\n".join([*text, f"{at + 0.05 * len(lines) + 5:.2f} looked"]) + "\n"


def numbered(*numbers: int) -> list[str]:
    return [f"{TOKEN} {number}" for number in numbers]


def test_a_whole_record_has_no_faults():
    arrivals = read_arrivals("vm-b", TOKEN, record(*numbered(*range(20)), end=20))
    assert arrivals.faults == ()
    assert arrivals.count == 20
    assert arrivals.longest_silence == 0.05


@given(st.integers(2, 40), st.data())
def test_every_disorder_is_a_fault(count, data):
    numbers = list(range(count))
    kind = data.draw(st.sampled_from(["lost", "twice", "swapped", "cut"]))
    index = data.draw(st.integers(0, count - 2))
    if kind == "lost":
        del numbers[index]
    elif kind == "twice":
        numbers.insert(index, numbers[index])
    elif kind == "swapped":
        numbers[index], numbers[index + 1] = numbers[index + 1], numbers[index]
    else:
        numbers = numbers[: index + 1]
    assert read_arrivals("vm-b", TOKEN, record(*numbered(*numbers), end=count)).faults


@given(st.text(max_size=30).filter(lambda text: not text.startswith(f"{TOKEN} ")))
def test_foreign_or_changed_lines_are_faults(text):
    line = " ".join(text.split())
    if line in ("looked", "closed"):
        return
    assert read_arrivals("vm-b", TOKEN, record(*numbered(0), line, *numbered(1), end=2)).faults


def test_a_lost_tail_is_a_fault():
    assert read_arrivals("vm-b", TOKEN, record(*numbered(0, 1, 2), end=5)).faults == ("5 lines were sent, 3 arrived",)


def test_a_session_that_ended_by_itself_is_a_fault():
    text = "100.00 udncabc 0\n100.05 udncabc 1\n100.30 closed\n105.00 looked\n"
    faults = read_arrivals("vm-b", TOKEN, text).faults
    assert faults == ("the session ended by itself after line 1", "the end never arrived")


def test_silence_goes_on_until_the_last_look_when_the_end_never_arrives():
    arrivals = read_arrivals("vm-b", TOKEN, record(*numbered(0, 1, 2)))
    assert arrivals.faults == ("the end never arrived",)
    assert arrivals.longest_silence == 5.05


def test_silence_before_the_end_counts():
    text = "100.00 udncabc 0\n100.05 udncabc 1\n103.05 udncabc end 2\n104.00 looked\n"
    arrivals = read_arrivals("vm-b", TOKEN, text)
    assert arrivals.faults == ()
    assert arrivals.longest_silence == 3.0


def test_nothing_is_infinite_silence():
    arrivals = read_arrivals("vm-b", TOKEN, "100.00 looked\n")
    assert math.isinf(arrivals.longest_silence)
    assert str(Timeline("a -> b", arrivals)) == "a -> b: nothing arrived at vm-b"
    assert read_arrivals("vm-b", TOKEN, "").faults == ("the end never arrived",)


def test_the_timeline_tells_the_longest_silences_and_when():
    text = "100.00 udncabc 0\n100.05 udncabc 1\n101.55 udncabc 2\n101.60 udncabc end 3\n102.00 looked\n"
    timeline = Timeline("tcp a -> b", read_arrivals("vm-b", TOKEN, text))
    assert str(timeline) == (
        "tcp a -> b: 3 lines in 1.60 s at vm-b; longest silence 1.50 s at 0.05 s; "
        "next 0.05 s at 0.00 s, 0.05 s at 1.55 s"
    )
    assert timeline.points() == [(0.0, 0.05), (0.05, 1.5), (1.55, 0.05)]
