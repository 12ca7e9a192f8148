"""What one end of a stream received, judged: order, completeness, silences. Pure functions over its record."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

SHOWN = 5


@dataclass(frozen=True)
class Arrivals:
    """The lines that one side received, by its own clock in seconds since its boot.

    ``times`` are the arrivals of numbered lines and of the end; ``faults`` tell what was not as it was sent; ``until``
    is when the record ends: the arrival of the end, or else the moment of the last look.
    """

    side: str
    times: tuple[float, ...]
    count: int
    until: float
    faults: tuple[str, ...]

    @property
    def gaps(self) -> tuple[float, ...]:
        """Seconds between each arrival and the next, the last one up to the end of the record."""
        return tuple(round(later - earlier, 3) for earlier, later in pairwise((*self.times, self.until)))

    @property
    def longest_silence(self) -> float:
        """The longest of the gaps, in seconds; infinite when nothing arrived."""
        return max(self.gaps, default=float("inf"))


def read_arrivals(side: str, token: str, text: str) -> Arrivals:
    """Read a record: lines ``TIME TOKEN NUMBER``, ``TIME TOKEN end COUNT``, ``TIME closed``, ``TIME looked``."""
    times: list[float] = []
    faults: list[str] = []
    expected = 0
    ended: int | None = None
    until = 0.0
    for line in text.splitlines():
        words = line.split()
        if not words or not _is_time(words[0]):
            faults.append(f"unreadable line {line[:60]!r}")
            continue
        now, said = float(words[0]), words[1:]
        if said == ["looked"]:
            until = now if ended is None else until
        elif said == ["closed"]:
            if ended is None:
                faults.append(f"the session ended by itself after line {expected - 1}")
        elif ended is not None:
            faults.append(f"{' '.join(said)!r} came after the end")
        elif len(said) == 3 and said[:2] == [token, "end"] and said[2].isdigit():
            ended, until = int(said[2]), now
            if ended != expected:
                faults.append(f"{ended} lines were sent, {expected} arrived")
        elif len(said) == 2 and said[0] == token and said[1].isdigit():
            number = int(said[1])
            if number != expected:
                faults.append(_disorder(number, expected))
            expected = max(expected, number + 1)
            times.append(now)
        else:
            faults.append(f"foreign line {' '.join(said)[:60]!r}")
    if ended is None:
        faults.append("the end never arrived")
    return Arrivals(side, tuple(times), expected, until or (times[-1] if times else 0.0), tuple(faults))


def _disorder(number: int, expected: int) -> str:
    if number < expected:
        return f"line {number} came again or late, after {expected - 1}"
    return f"line {expected} is missing, {number} came instead"


def _is_time(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


@dataclass(frozen=True, repr=False)
class Timeline:
    """The arrivals on the side whose clock counts; as text for a message, as data for drawing."""

    route: str
    arrivals: Arrivals

    def __str__(self) -> str:
        """One line: how many arrived in what time, the longest silence and when, and the next ones."""
        times, gaps = self.arrivals.times, self.arrivals.gaps
        if not times:
            return f"{self.route}: nothing arrived at {self.arrivals.side}"
        ranked = sorted(range(len(gaps)), key=lambda index: gaps[index], reverse=True)[:SHOWN]
        start = times[0]
        longest, *others = [f"{gaps[index]:.2f} s at {times[index] - start:.2f} s" for index in ranked]
        seconds = self.arrivals.until - start
        text = (
            f"{self.route}: {self.arrivals.count} lines in {seconds:.2f} s at {self.arrivals.side}; "
            f"longest silence {longest}"
        )
        return text + (f"; next {', '.join(others)}" if others else "")

    __repr__ = __str__  # what pytest shows of the message of an assertion

    def points(self) -> list[tuple[float, float]]:
        """For drawing: seconds since the first arrival, and the silence that followed."""
        if not self.arrivals.times:
            return []
        start = self.arrivals.times[0]
        return [(round(at - start, 3), gap) for at, gap in zip(self.arrivals.times, self.arrivals.gaps, strict=True)]
