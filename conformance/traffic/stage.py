"""Peers made ready for many attempts: each listens on every port, and knows how to try many paths at once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from conformance.evidence import step
from conformance.kube.waits import Deadline
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
#: A ping that waits for its last reply takes so long.
LEAST_SECONDS = 3
_LOOK = "cat {folder}/heard; echo; cat /proc/net/snmp /proc/net/snmp6 /proc/net/tcp /proc/net/tcp6 2>/dev/null || true"


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
        echos = parse_counters(text).get("Icmp.InEchos", 0) + _icmp6_echos(text)
        begun = (socket for socket in parse_sockets(text) if socket.state == SYN_RECEIVED)
        return Look(text, echos, frozenset((socket.remote, socket.local_port) for socket in begun))

    def attempt(self, attempts: Sequence[Attempt], seconds: float) -> list[str]:
        """Make attempts side by side, for so long at most; gives what came of each, errors of the program included."""
        if not attempts:
            return []
        whole = max(LEAST_SECONDS, round(seconds))
        wanted = "".join(f"{number} {self._command(one, whole)}\n" for number, one in enumerate(attempts))
        *commands, last = uploads(wanted, f"{self.folder}/wanted")
        for command in commands:
            self.guest.must(command, idempotent=True)
        limit = whole / self.guest.timeouts.scale + 2 * self.guest.timeouts["command-margin"]
        text = self.guest.run(f"{last}; cd {self.folder} && sh attempts.sh {whole}", limit).text
        came = {}
        for section in f"\n{text}".split("\ncell=")[1:]:
            number, _, said = section.partition("\n")
            came[int(number)] = said
        return [came.get(number, "") for number in range(len(attempts))]

    def prove(self) -> None:
        """Its programs work and its listeners answer, by its own loopback; raises ``Blocked``."""
        loopback = LOOPBACK[ip_address(self.peer.address).version]
        ways = list(self.tokens)
        deadline = Deadline(self.guest.timeouts["listener"])
        with step(f"prove the tools of {self.peer}"):
            while True:
                attempts = [Attempt(way, loopback, way.port, "hello") for way in ways]
                came = self.attempt(attempts, self.guest.timeouts["probe-attempt"])
                failed = [(way, said) for way, said in zip(ways, came, strict=True) if not self._answers(way, said)]
                if not failed:
                    return
                if deadline.passed:
                    way, said = failed[0]
                    told = " ".join(said.split())[:200] or "no answer"
                    raise Blocked(f"{self.peer}: {way} does not even reach its own loopback: {told}")
                ways = [way for way, _ in failed]

    def _answers(self, way: Way, said: str) -> bool:
        return parse_ping(said).received > 0 if way.port is None else self.tokens[way] in said

    def _command(self, attempt: Attempt, seconds: int) -> str:
        way = attempt.way
        if way.protocol == "icmp":
            # All but the two seconds that the last request has to be answered.
            program = f"ping -c {(seconds - 2) * 3} -i 0.25 -W 2 {attempt.address}"
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
    lines = [f"cat > attempts.sh <<'UDNC_END'\n{SCRIPT.read_text()}UDNC_END"]
    for way, token in tokens.items():
        if way.protocol != "icmp" and way.port is not None:
            answer = netcat.command(guest, way.protocol, "answer", way.port, family=family)
            lines.append(f"while :; do echo {token} | {answer} >> heard 2>> said || sleep 0.2; done &")
    with background(guest, "\n".join([": > heard", *lines, "wait"])) as running:
        end = End(peer, running.folder, tokens)
        end.prove()
        yield end


def _icmp6_echos(text: str) -> int:
    lines = (line.split() for line in text.splitlines() if line.startswith("Icmp6InEchos "))
    return next((int(words[1]) for words in lines), 0)
