"""Calls that go on at once: results in order, the first failure at once, an interruption at once."""

import signal
import threading
from collections.abc import Iterator

import pytest

from conformance.side_by_side import side_by_side


def test_results_come_in_the_order_of_the_calls() -> None:
    first_may_end = threading.Event()

    def first() -> int:
        first_may_end.wait()
        return 1

    def second() -> int:
        first_may_end.set()
        return 2

    assert side_by_side([first, second]) == [1, 2]


def test_a_failure_is_not_held_back_by_what_goes_on_for_ever() -> None:
    def fails() -> None:
        raise LookupError("no such VM")

    with pytest.raises(LookupError, match="no such VM"):
        side_by_side([threading.Event().wait, fails])


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """What is started in the background by a shell ignores Ctrl-C, and tests may be."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interruption_is_not_held_back() -> None:
    def interrupts() -> None:
        # To the main thread itself, as a terminal's Ctrl-C goes: it may already wait, and nothing less would wake it.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        threading.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        side_by_side([interrupts, threading.Event().wait])
