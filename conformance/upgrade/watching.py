"""Looks at sessions until it is stopped, and tells each silence; being cut off from the cluster costs it nothing.

The guests write down what they miss. Who watches only reads it: a look that fails, because the API is away,
virt-handler is restarted or a VM moves under its console, is made again until it succeeds, and then finds all that
happened meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from conformance.machines.vm import VirtualMachine
from conformance.results.outcome import one_line
from conformance.upgrade.after import After
from conformance.upgrade.sessions import SessionLost, Side

PAUSE = 1.0  # seconds between two looks at one guest
LAST_LOOK = 20.0  # seconds for the looks after the word to stop
Tell = Callable[[str], None]


@dataclass
class Sight:
    """What is seen of one side: ``lost`` tells of records that are gone, ``blind`` why the last look failed.

    ``told`` is how many silences were told, ``waits`` that one was which is not over.
    """

    side: Side
    seen: datetime | None = None
    blind: str = ""
    blind_since: datetime | None = None
    lost: list[str] = field(default_factory=list)
    told: int = 0
    waits: bool = False


class Watch:
    """Watches every session of a baseline; ``write`` is called with itself whenever something may be new."""

    def __init__(self, after: After, limit: float, tell: Tell, stop: threading.Event) -> None:
        """``limit``: seconds of silence that are told; ``stop`` ends it."""
        self.after = after
        self.limit = limit
        self.started = datetime.now(UTC)
        self.sights = [Sight(side) for side in after.sides]
        self._tell = tell
        self._stop = stop
        self._news = threading.Condition()

    def run(self, write: Callable[[Watch], None]) -> None:
        """Until it is stopped, and each guest has been looked at once more, if it can be within ``LAST_LOOK``."""
        threads = [
            threading.Thread(target=self._follow, args=(machine,), daemon=True)
            for machine in self.after.machines.values()
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not self._stop.is_set():
            with self._news:
                self._news.wait(PAUSE)
            write(self)
        ending = datetime.now(UTC)
        for thread in threads:
            left = LAST_LOOK - (datetime.now(UTC) - ending).total_seconds()
            thread.join(max(left, 0.1))
        write(self)

    def _follow(self, machine: VirtualMachine) -> None:
        """Look at all sessions of one guest, one after the other: it has but one console."""
        own = [sight for sight in self.sights if sight.side.machine is machine]
        while True:
            # Asked before: after the word to stop, each guest is looked at once more.
            last = self._stop.is_set()
            for sight in own:
                self._look(sight)
            with self._news:
                self._news.notify_all()
            if last:
                return
            self._stop.wait(PAUSE)

    def _look(self, sight: Sight) -> None:
        side = sight.side
        try:
            side.look()
        except SessionLost as error:
            self._begin_again(sight, str(error))
        except Exception as error:  # whatever it is, the next look may succeed
            self._be_blind(sight, error)
        else:
            self._see(sight)

    def _see(self, sight: Sight) -> None:
        if sight.blind_since is not None:
            seconds = (datetime.now(UTC) - sight.blind_since).total_seconds()
            self._tell(f"{sight.side}: seen again after {seconds:.0f} s; nothing is lost: the guest wrote it down")
        sight.seen, sight.blind, sight.blind_since = datetime.now(UTC), "", None
        self._tell_ongoing(sight)
        over = [silence for silence in sight.side.record.silences if silence.seconds > self.limit]
        for silence in over[sight.told :]:
            clock = sight.side.clock
            when = f" from {clock.when(silence.begin):%H:%M:%S} UTC" if clock else ""
            self._tell(f"{sight.side}: nothing arrived from {sight.side.peer} for {silence.seconds:.2f} s{when}")
        sight.told = len(over)

    def _tell_ongoing(self, sight: Sight) -> None:
        """Tell once of a silence that is too long already and not over."""
        waits = any(silence.ongoing for silence in sight.side.record.above(self.limit))
        if waits and not sight.waits:
            self._tell(f"{sight.side}: nothing arrives from {sight.side.peer} for more than {self.limit:g} s now")
        sight.waits = waits

    def _be_blind(self, sight: Sight, error: Exception) -> None:
        if sight.blind_since is None:
            sight.blind_since = sight.seen or self.started
            self._tell(f"{sight.side}: cannot be looked at, the session goes on without us: {one_line(error)}")
        sight.blind = one_line(error)

    def _begin_again(self, sight: Sight, why: str) -> None:
        self._tell(f"{why}; begun again")
        sight.lost.append(f"{datetime.now(UTC).isoformat(timespec='seconds')}: {why}")
        sight.side.forget()
        sight.told = 0
        try:
            sight.side.begin()
        except Exception as error:
            self._be_blind(sight, error)
