"""Which tests run now, what each is at, and since when; times are of the monotonic clock, the same in every process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Running:
    """One test, and its innermost open step."""

    began: float
    step: str = ""
    step_began: float = 0.0


@dataclass
class Board:
    """The state of a run between two looks at it."""

    _expected: set[str] = field(default_factory=set)
    _done: set[str] = field(default_factory=set)
    _running: dict[str, Running] = field(default_factory=dict)
    _early: dict[str, tuple[str, float]] = field(default_factory=dict)

    def expect(self, tests: Iterable[str]) -> None:
        """These tests are to be run; told by each worker anew."""
        self._expected.update(tests)

    def begin(self, test: str, at: float) -> None:
        """A test begins."""
        self._running[test] = Running(at, *self._early.pop(test, ("", 0.0)))

    def step(self, test: str, title: str, at: float) -> None:
        """A test is at a step; an empty title: at none. Of a test that is over, nothing is kept."""
        running = self._running.get(test)
        if running is not None:
            running.step, running.step_began = title, at
        elif test not in self._done:
            # Workers tell of steps and of tests by different ways: the step may be known first.
            self._early[test] = (title, at)

    def end(self, test: str) -> None:
        """A test is over."""
        self._running.pop(test, None)
        self._early.pop(test, None)
        self._done.add(test)

    @property
    def idle(self) -> bool:
        """Whether no test runs."""
        return not self._running

    def line(self, now: float) -> str:
        """``[12/74] test_moves 41s, for 12s: migrate ns/vm · test_other 3s``, the longest-running test first."""
        total = max(len(self._expected), 1)
        width = len(str(total))
        running = sorted(self._running.items(), key=lambda each: each[1].began)
        return f"[{len(self._done):>{width}}/{total}] " + " · ".join(_told(test, each, now) for test, each in running)


def _told(test: str, running: Running, now: float) -> str:
    name = f"{test.rpartition('::')[2]} {_seconds(now - running.began)}"
    return f"{name}, for {_seconds(now - running.step_began)}: {running.step}" if running.step else name


def _seconds(value: float) -> str:
    return f"{max(0.0, value):.0f}s"
