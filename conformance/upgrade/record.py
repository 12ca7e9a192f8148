"""What one end of a session wrote down, read and judged. Pure functions over its text.

Times are seconds by the guest's own clock, since its boot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: What ends write down at all, in seconds. Ten lines a second are sent.
LEAST_SILENCE = 0.5
_WORDS = {"began": 1, "silence": 2, "disorder": 3, "foreign": 1, "closed": 1}
_HEAD = re.compile(r"looked (?P<now>\d+(\.\d+)?)(?P<arrivals>( \d+ \d+)*)", re.ASCII)


class BadRecord(ValueError):
    """Something that no end writes."""


@dataclass(frozen=True)
class Silence:
    """Nothing arrived from ``begin`` to ``end``; ``ongoing`` when that was so at the last look."""

    begin: float
    end: float
    ongoing: bool = False

    @property
    def seconds(self) -> float:
        """How long it lasted, or has lasted."""
        return round(self.end - self.begin, 2)


@dataclass
class Record:
    """Everything that one end has written down up to the last look.

    ``lines`` is how many lines of it were read, so that the next look goes on from there.
    """

    lines: int = 0
    silences: list[Silence] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    began: int = 0
    count: int = 0
    last: float | None = None
    looked: float = 0.0

    def look(self, text: str) -> None:
        """Take what a look gave: a line with clock and last arrivals, then what is new; raises BadRecord."""
        head, _, rest = text.partition("\n")
        found = _HEAD.fullmatch(head.strip())
        if found is None:
            raise BadRecord(f"a look at a session gave no clock, but {head[:60]!r}")
        for line in rest.splitlines():
            self._add(line)
        # Of two arrivals the one with the larger count is the newer.
        numbers = [int(number) for number in found["arrivals"].split()]
        arrivals = sorted(zip(numbers[1::2], numbers[::2], strict=True))
        self.looked = float(found["now"])
        if arrivals:
            self.count, self.last = arrivals[-1][0], arrivals[-1][1] / 100

    def _add(self, line: str) -> None:
        word, *numbers = line.split() or [""]
        if len(numbers) != _WORDS.get(word) or not all(number.isdigit() for number in numbers):
            raise BadRecord(f"line {self.lines + 1} of a session's record is none: {line[:60]!r}")
        self._take(word, [int(number) for number in numbers])
        self.lines += 1

    @property
    def all_silences(self) -> list[Silence]:
        """Those that are over, and the one that goes on."""
        if self.last is None or self.looked - self.last < LEAST_SILENCE:
            return list(self.silences)
        return [*self.silences, Silence(self.last, self.looked, ongoing=True)]

    @property
    def longest(self) -> Silence | None:
        """The longest of them; None where none was noteworthy."""
        return max(self.all_silences, key=lambda silence: silence.seconds, default=None)

    def above(self, limit: float) -> list[Silence]:
        """Those that lasted longer than ``limit`` seconds."""
        return [silence for silence in self.all_silences if silence.seconds > limit]

    def _take(self, word: str, numbers: list[int]) -> None:
        at = numbers[0] / 100
        match word:
            case "began":
                self.began += 1
            case "silence":
                self.silences.append(Silence(at, numbers[1] / 100))
            case "disorder":
                self.faults.append(f"at {at:.2f} s line {numbers[2]} came instead of line {numbers[1]}")
            case "foreign":
                self.faults.append(f"at {at:.2f} s a line came that the other end did not send")
            case "closed":
                self.faults.append(f"the session ended by itself at {at:.2f} s")
