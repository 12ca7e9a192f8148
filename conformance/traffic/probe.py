"""Whether one machine reaches another, by ICMP, TCP or UDP, with the proof that it was that other who answered."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from conformance.evidence import step
from conformance.kube.waits import Deadline
from conformance.traffic import netcat
from conformance.traffic.listener import Listener, listening, wait_open
from conformance.traffic.netcat import Transport
from conformance.traffic.peers import Peer, Place, line

if TYPE_CHECKING:
    from conformance.traffic.cells import Destination

Protocol = Literal["icmp", "tcp", "udp"]
PORT = 5000
PINGS = 3
#: The guest's own clock, without a process: an emulated guest takes longer to count pauses than to pause.
CENTISECONDS = "read -r now rest </proc/uptime; now=${now%.*}${now#*.}"


@dataclass(frozen=True)
class Reached:
    """The server itself answered."""

    how: str

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class NotReached:
    """The server did not answer; ``why`` is what was seen instead. ``arrived``: it heard the client all the same."""

    why: str
    arrived: bool = False

    def __bool__(self) -> bool:
        return False


class Target:
    """A server made ready for attempts by one protocol."""

    def __init__(
        self, server: Peer, protocol: Protocol, port: int, listener: Listener | None, through: Destination | None
    ) -> None:
        self.server = server
        self.protocol = protocol
        self.place: Place = through or server
        self.port = None if protocol == "icmp" else (through and through.port) or port
        self.address = self.place.address
        self._listener = listener

    def describe(self, client: Peer) -> str:
        """Both ends, for a message."""
        return line(self.protocol, client, self.place, self.port)

    def attempt(self, client: Peer) -> Reached | NotReached:
        """Try once."""
        if self._listener is None:
            return self._ping(client)
        transport: Transport = "udp" if self.protocol == "udp" else "tcp"
        # It may still be busy with the last client: an attempt made meanwhile would fail on an open path.
        wait_open(self.server.guest, transport, self._listener.port)
        greeting = f"hello-{secrets.token_hex(6)}"
        output = ask(client, transport, self.address, self.port or self._listener.port, greeting)
        if self._listener.token in output:
            return Reached(f"{self._listener.token} received")
        said = " ".join(output.split())[:200] or f"no answer within {client.guest.timeouts['probe-attempt']:g} s"
        return NotReached(said, arrived=self._listener.heard(greeting))

    def _ping(self, client: Peer) -> Reached | NotReached:
        before = self.server.guest.counters()
        result = client.guest.ping(self.address, count=PINGS)
        after = self.server.guest.counters()
        kind = "Icmp" if ":" not in self.address else "Icmp6"
        heard = after.get(f"{kind}.InEchos", 0) - before.get(f"{kind}.InEchos", 0)
        # A reply alone proves nobody's identity: another host may have the same address.
        if result.received and heard >= result.received:
            return Reached(str(result))
        if result.received:
            return NotReached(f"{result}, but the server itself got {heard} requests: someone else answered")
        return NotReached(str(result), arrived=heard >= PINGS)


@contextmanager
def target(server: Peer, protocol: Protocol, port: int = PORT, through: Destination | None = None) -> Iterator[Target]:
    """Make ``server`` ready to be reached, until the block ends; ``through`` is where clients find it, if elsewhere."""
    if protocol == "icmp":
        yield Target(server, protocol, port, None, through)
        return
    with listening(server.guest, protocol, port, server.address) as listener:
        yield Target(server, protocol, port, listener, through)


def ask(client: Peer, transport: Transport, address: str, port: int, greeting: str) -> str:
    """Say ``greeting`` to a port and give what came back, errors of the program included."""
    connect = netcat.command(client.guest, transport, "connect", port, address)
    seconds = max(1, round(client.guest.timeouts["probe-attempt"]))
    folder = f"/tmp/udnc-{secrets.token_hex(4)}"
    session = f"{{ echo {greeting}; sleep {seconds}; }} | {{ {connect} >out 2>err; : >done; }}"
    # Ends with the first answer, with the program, or with the time: whichever comes first.
    script = (
        f"mkdir -m 700 {folder} && cd {folder} || exit 1; : >out; "
        f"setsid sh -c '{session}' & group=$!; "
        f"{CENTISECONDS}; end=$((now + {seconds * 100})); "
        f"until [ -s out ] || [ -e done ] || [ $now -ge $end ]; do sleep 0.1; {CENTISECONDS}; done; "
        f"kill -- -$group 2>/dev/null; cat out err; cd /; rm -rf {folder}"
    )
    return client.guest.run(script, seconds + client.guest.timeouts["command-margin"]).text


def reach(
    client: Peer, server: Peer, protocol: Protocol, port: int = PORT, through: Destination | None = None
) -> Reached | NotReached:
    """Try until the server itself answers, for at most the time-out ``reach``; see ``assert_reaches``."""
    with target(server, protocol, port, through) as ready:
        return keep_trying(client, ready)


def keep_trying(client: Peer, ready: Target) -> Reached | NotReached:
    """Attempts until one succeeds, or the time-out ``reach`` runs out."""
    deadline = Deadline(client.guest.timeouts["reach"])
    with step(f"reach {ready.describe(client)}"):
        while True:
            result = ready.attempt(client)
            if result or deadline.passed:
                return result


def assert_reaches(
    client: Peer, server: Peer, protocol: Protocol, port: int = PORT, through: Destination | None = None
) -> None:
    """``AssertionError`` with both ends unless ``server`` itself answers ``client``, who dials ``through`` if given."""
    with target(server, protocol, port, through) as ready:
        result = keep_trying(client, ready)
        if isinstance(result, NotReached):
            seconds = client.guest.timeouts["reach"]
            raise AssertionError(f"{ready.describe(client)}: not reached within {seconds:g} s: {result.why}")
