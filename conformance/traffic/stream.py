"""A TCP session between two guests in which both sides send all the time, to see what a migration does to it.

Each side sends a numbered line every 50 ms and notes each line that it receives with the time of its own clock. What
counts is the longest time without an arrival on the side that did not move: a machine that is itself paused sees no
silence. The session is over when the last line sent has arrived, or was waited for in vain.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.evidence import JSON, attach, exhibit, figure, note, step
from conformance.evidence.exhibits import StreamExhibit
from conformance.machines.guest import Guest
from conformance.machines.shell import ShellError, quote
from conformance.traffic import netcat
from conformance.traffic.arrivals import Arrivals, Timeline, read_arrivals
from conformance.traffic.background import Background, background
from conformance.traffic.cells import Destination
from conformance.traffic.clock import Clock, read_clock
from conformance.traffic.listener import wait_open
from conformance.traffic.peers import Peer, line

SCRIPT = Path(__file__).with_name("stream.sh")
FIRST_LINES = 3


class StreamFailed(AssertionError):
    """The stream did not come about, or carried nothing; one line with both ends."""


class Stream:
    """A stream; its findings can be read once the block is over.

    ``measured_on`` names the side whose clock counts: the one that was asked for, else the one that did not move, else
    the one with the longer silence.
    """

    def __init__(self, route: str) -> None:
        self.route = route
        self._sides: dict[str, Arrivals] = {}
        self._measured: Arrivals | None = None

    def conclude(self, sides: dict[str, Arrivals], measured_on: str) -> None:
        """Take the records of both sides; called when the stream is over."""
        self._sides = sides
        self._measured = sides[measured_on]

    @property
    def measured(self) -> Arrivals:
        """What arrived on the side whose clock counts."""
        if self._measured is None:
            raise RuntimeError(f"{self.route}: the stream still runs; its findings are known after the with block")
        return self._measured

    @property
    def measured_on(self) -> str:
        """The side whose clock counts."""
        return self.measured.side

    @property
    def longest_silence(self) -> float:
        """The longest time without an arrival on that side, in seconds."""
        return self.measured.longest_silence

    @property
    def count(self) -> int:
        """Lines that arrived on that side."""
        return self.measured.count

    @property
    def faults(self) -> tuple[str, ...]:
        """What was lost, repeated, out of order, changed or cut off, on either side."""
        self.measured  # noqa: B018 - not before the end
        return tuple(f"at {side.side}: {fault}" for side in self._sides.values() for fault in side.faults)

    @property
    def arrived_in_order(self) -> bool:
        """Whether all lines arrived, once, in order and unchanged, both ways, up to the last."""
        return not self.faults

    @property
    def timeline(self) -> Timeline:
        """When lines arrived on that side, its longest silences, and for drawing all of them."""
        return Timeline(self.route, self.measured)


@contextmanager
def stream(
    client: Peer,
    server: Peer,
    port: int = 5201,
    measured_on: Peer | None = None,
    through: Destination | None = None,
    drain: str = "stream-drain",
) -> Iterator[Stream]:
    """Hold a session open while the block runs; ``through`` is where the client finds the server, if not at its own
    address. ``drain`` names how long its last lines are waited for afterwards.

    Raises ``StreamFailed`` when the session does not start, and afterwards when it carried nothing.
    """
    route = line("tcp", client, through or server, (through and through.port) or port)
    running = Stream(route)
    token = f"udnc{secrets.token_hex(3)}"
    family = 6 if ":" in server.address else 4
    listen = netcat.command(server.guest, "tcp", "listen", port, family=family)
    connect = netcat.command(client.guest, "tcp", "connect", *_dialled(server, port, through))
    moves = {peer: peer.migration_uid for peer in (client, server)}
    with (
        step(f"stream {route}"),
        background(server.guest, _script(server.guest, token, listen)) as serving,
    ):
        wait_open(server.guest, "tcp", port)
        with background(client.guest, _script(client.guest, token, connect)) as calling:
            ends = {client: calling, server: serving}
            _wait_started(route, ends)
            try:
                yield running
            except BaseException:
                _keep_evidence(running, ends, token)
                raise
            clocks = {str(peer): read_clock(end.guest, f": > {end.folder}/stop") for peer, end in ends.items()}
            records = _finish(ends, token, drain)
            stayed = [peer for peer in ends if peer.migration_uid == moves[peer]] or list(ends)
            counting = measured_on or max(stayed, key=lambda peer: records[str(peer)].longest_silence)
            running.conclude(records, str(counting))
    _record(running, clocks[running.measured_on])
    if any(not record.times for record in records.values()):
        raise StreamFailed(f"{route}: the stream carried nothing: {'; '.join(running.faults)}")


def _dialled(server: Peer, port: int, through: Destination | None) -> tuple[int, str]:
    if through is None:
        return port, server.address
    return through.port or port, through.address


def _script(guest: Guest, token: str, program: str) -> str:
    # The text of the program is put into the folder by the shell itself: one upload instead of two.
    body = SCRIPT.read_text()
    return f"cat > stream.sh <<'UDNC_END'\n{body}UDNC_END\nexec sh stream.sh {quote(token)} {program}"


def _wait_started(route: str, ends: dict[Peer, Background]) -> None:
    for peer, end in ends.items():
        seconds = end.guest.timeouts["stream-start"]
        seen = f"[ $(cat received 2>/dev/null | grep -c -v closed) -ge {FIRST_LINES} ]"
        rounds = int(seconds * 5)
        loop = f"cd {end.folder}; i=0; until {seen}; do i=$((i+1)); [ $i -gt {rounds} ] && exit 1; sleep 0.2; done"
        if not end.guest.run(loop, seconds / end.guest.timeouts.scale + 15, idempotent=True).ok:
            said = end.guest.run(f"cd {end.folder}; cat errors received | tail -n 3", idempotent=True)
            why = " ".join(said.text.split())[:200] or "no error told"
            raise StreamFailed(
                f"{route}: the stream did not start: {peer} received nothing within {seconds:g} s: {why}"
            )


def _finish(ends: dict[Peer, Background], token: str, drain: str) -> dict[str, Arrivals]:
    """Both were asked to stop: wait until the last lines have arrived, and read both records."""
    records = {}
    for peer, end in ends.items():
        seconds = end.guest.timeouts[drain]
        seen = "grep -q -e ' end ' -e ' closed' received"
        loop = f"cd {end.folder}; i=0; until {seen} || [ $i -gt {int(seconds * 5)} ]; do i=$((i+1)); sleep 0.2; done"
        look = "read -r now rest </proc/uptime; cat received; echo $now looked"
        text = end.guest.run(f"{loop}; {look}", seconds / end.guest.timeouts.scale + 60, idempotent=True).text
        records[str(peer)] = read_arrivals(str(peer), token, text)
        if records[str(peer)].faults:
            said = end.guest.run(f"cat {end.folder}/errors", idempotent=True).text
            note(f"stream at {peer}: its netcat said: {' '.join(said.split()) or 'nothing'}")
    return records


def _keep_evidence(running: Stream, ends: dict[Peer, Background], token: str) -> None:
    """After an error in the block: what arrived until then, if it can be had; the error matters more."""
    for peer, end in ends.items():
        try:
            clock = read_clock(end.guest)
            text = end.guest.run(f"cat {end.folder}/received", idempotent=True).text
        except ShellError as error:
            note(f"stream {running.route}: no record from {peer}: {error}")
        else:
            attach(f"stream {running.route} at {peer}", text)
            arrivals = read_arrivals(str(peer), token, f"{text.rstrip()}\n{clock.uptime} looked\n")
            _show(running.route, arrivals, clock, ("the test broke off before the session was over",))


def _record(running: Stream, clock: Clock) -> None:
    figure("longest silence", running.longest_silence, "s")
    attach(f"stream {running.route}", str(running.timeline))
    attach(f"stream {running.route}, arrivals", json.dumps(running.timeline.points()), JSON)
    _show(running.route, running.measured, clock, running.faults)


def _show(route: str, arrivals: Arrivals, clock: Clock, faults: tuple[str, ...]) -> None:
    if not arrivals.times:
        return
    first, *_ = arrivals.times
    shown = StreamExhibit(
        route=route,
        measured_on=arrivals.side,
        started=clock.when(first),
        accuracy=clock.accuracy,
        seconds=max(arrivals.until, arrivals.times[-1]) - first,
        times=tuple(at - first for at in arrivals.times),
        faults=faults,
    )
    exhibit(shown)
