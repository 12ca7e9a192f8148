"""Ctrl-C and SIGTERM: the first ends a run, those after it change nothing."""

import os
import signal

import pytest

from conformance.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ending_is_not_cut_short(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    interrupts = Interrupts()
    interrupts.take()
    try:
        with pytest.raises(KeyboardInterrupt, match=number.name):
            os.kill(os.getpid(), number)
        interrupts.hold_off()
        os.kill(os.getpid(), number)
    finally:
        interrupts.give_back()
    assert signal.getsignal(number) is before
