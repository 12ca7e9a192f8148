"""Sessions that go on in the guests without us: begun, looked at, never concluded.

Both sides send all the time, and each writes down what is missing at it: who looks, from wherever and however late,
misses nothing. A side loses its record only with its guest's boot, which is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from conformance.machines.guest import Guest
from conformance.machines.shell import quote
from conformance.machines.vm import VirtualMachine
from conformance.traffic import netcat
from conformance.traffic.background import Background
from conformance.traffic.clock import Clock
from conformance.upgrade.baseline import Session
from conformance.upgrade.record import LEAST_SILENCE, Record

SCRIPT = Path(__file__).with_name("session.sh")
FIRST_LINES = 3
CLOSE = 0.5  # seconds to which it matters when something happened
LOST = "lost"
#: The time comes before what was written down: a silence that ends in between is found in one of the two.
_LOOK = (
    "cd {folder} 2>/dev/null && kill -0 $(cat pid) 2>/dev/null || {{ echo " + LOST + "; exit; }}; "
    "last=$(cat last0 last1 2>/dev/null); read -r now rest </proc/uptime; "
    "echo looked $now $last; tail -n +{line} record 2>/dev/null"
)


class SessionLost(Exception):
    """A side of a session does not run any more, and what it wrote down is gone; one line."""


class Side:
    """One end of a session, in one guest; ``record`` is what is known of it up to the last look."""

    def __init__(
        self, session: Session, machine: VirtualMachine, peer: VirtualMachine, serves: bool, token: str
    ) -> None:
        self.session = session
        self.machine = machine
        self.peer = peer
        self.record = Record()
        self.clock: Clock | None = None
        self._serves = serves
        self._token = token
        self._folder = f"/tmp/udnc-{token}-{session.name}-{'server' if serves else 'client'}"

    def __str__(self) -> str:
        return f"{self.session.name} at {self.machine}"

    def begin(self) -> None:
        """Have the guest take part, unless it does already; raises ``ShellError``."""
        guest = self.machine.guest
        call = f"exec sh session.sh {self._arguments(guest)}"
        script = f"cat > session.sh <<'UDNC_END'\n{SCRIPT.read_text()}UDNC_END\n{call}"
        # What is left of one that ended does not keep it from beginning.
        dead = f"[ -e {self._folder}/pid ] && ! kill -0 $(cat {self._folder}/pid) 2>/dev/null"
        guest.run(f"if {dead}; then rm -rf {self._folder}; fi", idempotent=True)
        Background(guest, self._folder).start(script)
        begun = f"i=0; until [ -e {self._folder}/record ]; do i=$((i+1)); [ $i -gt 300 ] && exit 1; sleep 0.1; done"
        guest.must(begun, idempotent=True)

    def look(self) -> Record:
        """Read what is new; raises ``SessionLost``, ``ShellError`` or ``BadRecord``."""
        asked = datetime.now(UTC)
        command = _LOOK.format(folder=self._folder, line=self.record.lines + 1)
        text = self.machine.guest.run(command, idempotent=True).text
        if text.split() == [LOST]:
            raise SessionLost(f"{self}: the guest does not hold the session any more")
        half = (datetime.now(UTC) - asked) / 2
        self.record.look(text)
        clock = Clock(self.record.looked, asked + half, half.total_seconds())
        # A look that was held up on its way tells less of the time than an earlier one.
        if self.clock is None or clock.accuracy <= max(self.clock.accuracy, CLOSE):
            self.clock = clock
        return self.record

    def forget(self) -> None:
        """Begin the record anew: what is looked at next has nothing to do with what was read."""
        self.record, self.clock = Record(), None

    def _arguments(self, guest: Guest) -> str:
        least = round(LEAST_SILENCE * 100)
        address, port = self.peer.address, self.session.port
        if self._serves:
            program = netcat.command(guest, "tcp", "listen", port, family=6 if ":" in address else 4)
        else:
            program = netcat.command(guest, "tcp", "connect", port, address)
        return f"{quote(self._token)} {least} {program}"


def sides(sessions: Iterable[Session], machines: dict[str, VirtualMachine], token: str) -> Iterator[Side]:
    """Both ends of each session, the serving one first; ``machines`` by ``namespace/name``."""
    for session in sessions:
        client, server = machines[session.client], machines[session.server]
        yield Side(session, server, client, True, token)
        yield Side(session, client, server, False, token)
