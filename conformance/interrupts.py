"""Ctrl-C and SIGTERM end a run, once: what ends it, the removal of what it made above all, is not cut short."""

from __future__ import annotations

import signal
import threading
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """The two signals, while a run lasts: both raise ``KeyboardInterrupt``, until they are held off."""

    def __init__(self) -> None:
        self._ending = False
        self._before: dict[int, object] = {}

    def take(self) -> None:
        """Handle the signals from now on; does nothing outside the main thread, which gets no signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._interrupt) for number in _NUMBERS}

    def hold_off(self) -> None:
        """Let further signals change nothing: the run is ending."""
        self._ending = True

    def give_back(self) -> None:
        """Handle the signals as before."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self._ending:
            raise KeyboardInterrupt(signal.Signals(number).name)
