"""Steps, attachments, figures and exhibits of a test, published to whoever subscribes.

The verbs of ``conformance`` say what they do, with :func:`step`, :func:`attach`, :func:`figure` and :func:`exhibit`;
who writes it down (the Allure results, the text log of the test, the report) is no matter of theirs. A subscriber that
fails costs its own output and never the test.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from conformance.evidence.exhibits import Exhibit
from conformance.evidence.redaction import REDACTOR
from conformance.pictures import draw, standalone, title

TEXT = "text/plain"
YAML = "application/yaml"
JSON = "application/json"
SVG = "image/svg+xml"


@dataclass(frozen=True)
class StepStarted:
    """A step begins; ``at`` is seconds of the monotonic clock."""

    id: str
    title: str
    at: float


@dataclass(frozen=True)
class StepEnded:
    """A step is over, with the exception that ended it, if one did."""

    id: str
    title: str
    at: float
    error: BaseException | None


@dataclass(frozen=True)
class Attached:
    """Something to keep with the test; ``type`` is its media type."""

    name: str
    body: bytes
    type: str
    at: float


@dataclass(frozen=True)
class Figured:
    """A number that was measured."""

    name: str
    value: float
    unit: str
    at: float


@dataclass(frozen=True)
class Exhibited:
    """Something to be drawn, as plain data without secrets; ``data["kind"]`` tells what it is."""

    data: dict[str, Any]
    at: float


@dataclass(frozen=True)
class Noted:
    """A remark, such as why a piece of evidence could not be had."""

    text: str
    at: float


Event = StepStarted | StepEnded | Attached | Figured | Exhibited | Noted


class Subscriber(Protocol):
    """Whoever writes events down."""

    def receive(self, event: Event) -> None:
        """Take one event; called from whichever thread published it, one at a time."""


class Recorder:
    """Hands every event to every subscriber."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._lock = threading.RLock()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the function returned takes it off again."""
        with self._lock:
            self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            with self._lock:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand out one event."""
        with self._lock:
            for subscriber in tuple(self._subscribers):
                try:
                    subscriber.receive(event)
                except Exception as error:
                    # Evidence is not worth a test; the others are told, and the one that failed is asked no more.
                    self._subscribers.remove(subscriber)
                    name = type(subscriber).__name__
                    self.publish(Noted(f"{name} failed and is left out from here on: {error!r}", time.monotonic()))


RECORDER = Recorder()


@contextmanager
def step(title: str) -> Iterator[None]:
    """A step of the test, as ``with step("…"):`` or as a decorator; steps nest."""
    title = REDACTOR.text(title)
    id = str(uuid.uuid4())
    RECORDER.publish(StepStarted(id, title, time.monotonic()))
    try:
        yield
    except BaseException as error:
        RECORDER.publish(StepEnded(id, title, time.monotonic(), error))
        raise
    RECORDER.publish(StepEnded(id, title, time.monotonic(), None))


def attach(name: str, body: str | bytes, type: str = TEXT) -> None:
    """Keep a text or bytes with the test, without its secrets."""
    data = body.encode("utf-8", "replace") if isinstance(body, str) else body
    RECORDER.publish(Attached(REDACTOR.text(name), REDACTOR.data(data), type, time.monotonic()))


def figure(name: str, value: float, unit: str) -> None:
    """Keep a measured number, such as ``figure("longest silence", 0.12, "s")``; what is not finite is only noted."""
    if not math.isfinite(value):
        note(f"{name}: {value} {unit}")
        return
    RECORDER.publish(Figured(name, float(value), unit, time.monotonic()))


def exhibit(shown: Exhibit) -> None:
    """Keep something for the report to draw, such as a matrix of who reaches whom, and its picture with the test."""
    data = REDACTOR.object(shown.to_plain())
    RECORDER.publish(Exhibited(data, time.monotonic()))
    try:
        drawn = standalone(draw(data))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # No picture is worth a test.
        note(f"{title(data)} cannot be drawn: {error!r}")
    else:
        attach(f"picture of {title(data)}", drawn, SVG)


def note(text: str) -> None:
    """Keep a remark with the test."""
    RECORDER.publish(Noted(REDACTOR.text(text), time.monotonic()))
