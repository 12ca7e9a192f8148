"""Time from left to right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from conformance.pictures.svg import element, words

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_LEAST = 56.0


def when(text: str) -> datetime:
    """A moment of a report."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass(frozen=True)
class Axis:
    """``seconds`` from ``start`` on, drawn from ``left`` to ``right``."""

    start: datetime
    seconds: float
    left: float
    right: float

    def x(self, at: datetime) -> float:
        """Where a moment stands; what is beyond an end stands at that end."""
        return self.x_after((at - self.start).total_seconds())

    def x_after(self, seconds: float) -> float:
        """Where so many seconds after the start stand."""
        return self.left + (self.right - self.left) * min(max(seconds / self.seconds, 0.0), 1.0)

    def ticks(self, top: float, bottom: float) -> Iterator[str]:
        """Lines from top to bottom with the time below."""
        room = (self.right - self.left) / self.seconds
        step = next((step for step in _STEPS if step * room >= _LEAST), _STEPS[-1] * 2)
        for number in range(int(self.seconds / step + 1e-6) + 1):
            x = self.x_after(number * step)
            yield element("line", x1=x, x2=x, y1=top, y2=bottom, css="p-axis")
            yield words(x, bottom + 14, clock(number * step), "p-soft", anchor="middle")


def clock(seconds: float) -> str:
    """``0.5 s``, ``40 s``, ``2:30``, ``1:02:00``."""
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
