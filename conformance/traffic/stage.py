"""Peers made ready for many attempts: each listens on every port, and knows how to try many paths at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from conformance.evidence import step
from conformance.machines.guest import Guest
from conformance.machines.parse.files import SYN_RECEIVED, parse_counters, parse_sockets
from conformance.machines.parse.ping import parse_ping
from conformance.machines.upload import uploads
from conformance.traffic import netcat
from conformance.traffic.background import background
from conformance.traffic.cells import Way
from conformance.traffic.peers import Peer
from conformance.verdicts import Blocked

SCRIPT = Path(__file__).with_name("attempts.sh")
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
#: One process: greetings heard, echo requests counted, sessions begun and not answered.
_LOOK = (
    "grep -h -e hello- -e '^Icmp: ' -e '^Icmp6InEchos ' -e '^ *[0-9]*: [0-9A-F:]* [0-9A-F:]* 03 ' "
    "{folder}/heard /proc/net/snmp /proc/net/snmp6 /proc/net/tcp /proc/net/tcp6 2>/dev/null || true"
)
_PING = "ping -c 3 -i 0.2 -W 1 {address}"


@dataclass(frozen=True)
class Attempt:
    """A greeting to be sent to a port of an address, or pings to the address."""

    way: Way
    address: str
    port: int | None
    greeting: str


@dataclass(frozen=True)
class Look:
    """What a server has heard until now: greetings, echo requests, and who has begun a session with which port."""

    text: str
    echos: int
    half_open: frozenset[tuple[str, int]]


class End:
    """One peer of a stage; ``tokens`` tell who answers, on which way."""

    def __init__(self, peer: Peer, folder: str, tokens: dict[Way, str]) -> None:
        self.peer = peer
        self.guest: Guest = peer.guest
        self.folder = folder
        self.tokens = tokens

    def look(self) -> Look:
        """What it has heard so far."""
        text = self.guest.run(_LOOK.format(folder=self.folder), idempotent=True).text
        counters = parse_counters(text)
        echos = counters.get("Icmp.InEchos", 0) + counters.get("Icmp6.InEchos", 0)
        begun = (socket for socket in parse_sockets(text) if socket.state == SYN_RECEIVED)
        return Look(text, echos, frozenset((socket.remote, socket.local_port) for socket in begun))

    def attempt(self, attempts: Sequence[Attempt], seconds: float) -> list[str]:
        """Make attempts side by side, each until it is answered, or for so long.

        Gives what came of each, errors of the program included.
        """
        if not attempts:
            return []
        wanted = "".join(f"{number} {self._command(one)}\n" for number, one in enumerate(attempts))
        *commands, last = uploads(wanted, f"{self.folder}/wanted")
        for command in commands:
            self.guest.must(command, idempotent=True)
        whole = max(1, round(seconds))
        limit = whole / self.guest.timeouts.scale + 2 * self.guest.timeouts["command-margin"]
        anew = max(1, round(self.guest.timeouts["probe-attempt"]))
        # The script that makes them is written by one that has just begun.
        written = "until [ -e attempts.sh ]; do sleep 0.1; done"
        text = self.guest.run(f"{last}; cd {self.folder} && {written}; sh attempts.sh {whole} {anew}", limit).text
        came = {}
        for section in f"\n{text}".split("\ncell=")[1:]:
            number, _, said = section.partition("\n")
            came[int(number)] = said
        return [came.get(number, "") for number in range(len(attempts))]

    def prove(self, ways: Iterable[Way]) -> None:
        """Its programs work and its listeners answer, by its own loopback; raises ``Blocked``."""
        loopback = LOOPBACK[ip_address(self.peer.address).version]
        attempts = [Attempt(way, loopback, way.port, "hello-myself") for way in ways]
        with step(f"prove the tools of {self.peer}"):
            came = self.attempt(attempts, self.guest.timeouts["listener"])
        for attempt, said in zip(attempts, came, strict=True):
            if not self._answers(attempt.way, said):
                told = " ".join(said.split())[:200] or "no answer"
                raise Blocked(f"{self.peer}: {attempt.way} does not even reach its own loopback: {told}")

    def _answers(self, way: Way, said: str) -> bool:
        return parse_ping(said).received > 0 if way.port is None else self.tokens[way] in said

    def _command(self, attempt: Attempt) -> str:
        way = attempt.way
        if way.protocol == "icmp":
            program = _PING.format(address=attempt.address)
        else:
            assert attempt.port is not None
            program = netcat.command(self.guest, way.protocol, "connect", attempt.port, attempt.address)
        return f"{way.protocol} {attempt.greeting} {program}"


@contextmanager
def ready(peer: Peer, ways: Sequence[Way]) -> Iterator[End]:
    """A peer that listens on the ports of all ways until the block ends, its tools proved."""
    guest = peer.guest
    family = ip_address(peer.address).version
    tokens = {way: f"udnc-{secrets.token_hex(8)}" for way in ways}
    lines = [f"cat > new <<'UDNC_END'\n{SCRIPT.read_text()}UDNC_END\nmv new attempts.sh"]
    for way, token in tokens.items():
        if way.protocol != "icmp" and way.port is not None:
            answer = netcat.command(guest, way.protocol, "answer", way.port, family=family)
            lines.append(f"while :; do echo {token} | {answer} >> heard 2>> said || sleep 0.2; done &")
    with background(guest, "\n".join([": > heard", *lines, "wait"])) as running:
        end = End(peer, running.folder, tokens)
        end.prove(ways)
        yield end


def prove_network(client: Peer) -> None:
    """The client's gateway gives a sign of life, if it has one; raises ``Blocked`` if not."""
    guest = client.guest
    gateway = next(iter(guest.gateways()), None)
    if gateway is not None:
        # The neighbour entry will do: a gateway need not answer pings.
        answered = guest.ping(gateway, count=1).received or guest.neighbour(gateway)
        if not answered:
            raise Blocked(f"{client}: its network is dead: no sign of its gateway {gateway}")
