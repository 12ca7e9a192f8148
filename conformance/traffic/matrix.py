"""Who reaches whom, by what: expected beside observed, all at once.

Attempts are made side by side, so a path that is shut costs one wait, not one each. A path counts as shut only beside
the proof that it could have been open: the client's programs work and its network is alive, the server listens, and
somebody else was answered by it, in this check or an earlier one on the same stage. Nothing may arrive at the server
either: no datagram, no echo request, no half-open session.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from conformance.evidence import attach, exhibit, note, step
from conformance.evidence.exhibits import MatrixExhibit
from conformance.kube.waits import Deadline
from conformance.machines.parse.ping import Ping, parse_ping
from conformance.side_by_side import entered_side_by_side, side_by_side
from conformance.traffic.cells import EVERY_WAY, Cell, Destination, Finding, Seen, Way, draw
from conformance.traffic.peers import Peer
from conformance.traffic.stage import Attempt, End, Look, prove_network, ready
from conformance.verdicts import Blocked


@dataclass(frozen=True)
class Spot:
    """A peer as it was while it was looked at."""

    name: str
    address: str
    node: str

    def __str__(self) -> str:
        return self.name


@contextmanager
def matrix(peers: Sequence[Peer], ways: Sequence[Way] = EVERY_WAY) -> Iterator[Matrix]:
    """Make all peers ready for checks, by all ways, until the block ends."""
    with ExitStack() as stack:
        with step(f"make {', '.join(map(str, peers))} ready for {', '.join(map(str, ways))}"):
            ends = stack.enter_context(entered_side_by_side([ready(peer, ways) for peer in peers]))
        yield Matrix(ends)


def assert_matrix(cells: Sequence[Cell], title: str = "who reaches whom") -> None:
    """Check cells once; ``AssertionError`` tells both ends of each that is wrong."""
    peers = dict.fromkeys(peer for cell in cells for peer in (cell.client, *cell.answerers))
    with matrix(list(peers), list(dict.fromkeys(cell.way for cell in cells))) as made:
        made.check(cells, title)


class Matrix:
    """Peers that are ready; what answered once is remembered as the baseline of what must not answer."""

    def __init__(self, ends: Sequence[End]) -> None:
        self._ends = {end.peer: end for end in ends}
        self._by_token = {token: end.peer for end in ends for token in end.tokens.values()}
        self._proved_servers: set[tuple[Peer, Way]] = set()
        self._proved_clients: set[Peer] = set()
        self._spots: dict[Peer | Destination, Spot] = {}

    def check(self, cells: Sequence[Cell], title: str, settles: str | None = None) -> list[Finding]:
        """Look at all cells; ``AssertionError`` has a line with both ends for each that is not as expected."""
        findings = self.look(cells, title, settles)
        judge(findings, title)
        return findings

    def look(self, cells: Sequence[Cell], title: str, settles: str | None = None) -> list[Finding]:
        """What is seen at all cells, without a verdict.

        Open paths are tried until the time-out ``reach``, shut ones for ``probe-silence``. What was changed just now,
        such as a policy, takes effect within the time-out named ``settles``: shut paths are tried until then, and open
        ones afterwards. Raises ``Blocked`` when a path is shut of which nothing proves that it could be open.
        """
        allowed = [cell for cell in cells if cell.allowed]
        denied = [cell for cell in cells if not cell.allowed]
        places = dict.fromkeys(place for cell in cells for place in (cell.client, cell.server))
        self._spots = dict(zip(places, side_by_side([partial(_spot, place) for place in places]), strict=True))
        with step(f"matrix, {title}: {len(allowed)} open paths, {len(denied)} shut ones"):
            if settles is None:
                seen = self._until_reached(allowed) | self._until_shut(denied, Deadline(0))
                self._prove_baseline(denied, allowed)
            else:
                shut = self._until_shut(denied, Deadline(self._timeout(settles)))
                seen = shut | self._until_reached(allowed)
            self._prove_listening(denied, allowed)
            findings = [self._finding(cell, seen[cell]) for cell in cells]
            _keep(findings, title)
            return findings

    # -- rounds

    def _until_reached(self, cells: Sequence[Cell]) -> dict[Cell, Seen]:
        seen = self._round(cells, self._timeout("reach"))
        for cell in cells:
            if seen[cell].by in cell.answerers:
                self._proved_servers |= {(peer, cell.way) for peer in cell.answerers}
                self._proved_clients.add(cell.client)
        return seen

    def _until_shut(self, cells: Sequence[Cell], deadline: Deadline) -> dict[Cell, Seen]:
        self._demand_proof(cells)
        while True:
            seen = self._round(cells, self._timeout("probe-silence"))
            findings = [self._finding(cell, seen[cell]) for cell in cells]
            leaks = [finding for finding in findings if not finding.as_expected]
            if not leaks or deadline.passed:
                return seen
            note(f"{len(leaks)} paths are still open, such as {leaks[0]}")

    def _round(self, cells: Sequence[Cell], seconds: float) -> dict[Cell, Seen]:
        """One attempt at each cell, side by side, and what the servers heard of it."""
        if not cells:
            return {}
        greetings = {cell: f"hello-{secrets.token_hex(6)}" for cell in cells}
        clients = list(dict.fromkeys(cell.client for cell in cells))
        servers = list(dict.fromkeys(peer for cell in cells for peer in cell.answerers))
        before = self._look(servers)
        came: dict[Cell, str] = {}

        def tries(client: Peer) -> dict[Cell, str]:
            own = [cell for cell in cells if cell.client is client]
            attempts = [Attempt(cell.way, self._spots[cell.server].address, cell.port, greetings[cell]) for cell in own]
            return dict(zip(own, self._ends[client].attempt(attempts, seconds), strict=True))

        for said in side_by_side([partial(tries, client) for client in clients]):
            came |= said
        after = self._look(servers)
        pings = {cell: self._ping(cell, text) for cell, text in came.items() if cell.way.protocol == "icmp"}
        seen = self._judge_pings(pings, before, after)
        for cell in cells:
            if cell not in pings:
                seen[cell] = self._judge_session(
                    cell, came[cell], greetings[cell], self._spots[cell.client].address, before, after
                )
        return seen

    def _ping(self, cell: Cell, text: str) -> Ping:
        return parse_ping(text).answers_of(self._spots[cell.server].address)

    def _look(self, servers: Sequence[Peer]) -> dict[Peer, Look]:
        return dict(zip(servers, side_by_side([self._ends[server].look for server in servers]), strict=True))

    def _judge_session(
        self, cell: Cell, said: str, greeting: str, source: str, before: dict[Peer, Look], after: dict[Peer, Look]
    ) -> Seen:
        told = " ".join(said.split())[:200] or "no answer"
        by = next((peer for token, peer in self._by_token.items() if token in said), None)
        if by is not None:
            return Seen(f"answered by {by}", by)
        if "udnc-" in said:
            return Seen(f"somebody else answered: {told}")
        for server in cell.answerers:
            if greeting in after[server].text:
                return Seen(told, arrived=True)
            begun = (source, cell.way.port)
            if cell.way.protocol == "tcp" and begun in after[server].half_open - before[server].half_open:
                return Seen(f"{told}; {server} has a half-open session from {source}", arrived=True)
        return Seen(told)

    def _judge_pings(
        self, pings: dict[Cell, Ping], before: dict[Peer, Look], after: dict[Peer, Look]
    ) -> dict[Cell, Seen]:
        """Replies prove no identity: the servers' own counters have to agree, else each cell is tried alone."""
        seen: dict[Cell, Seen] = {}
        for server in dict.fromkeys(peer for cell in pings for peer in cell.answerers):
            own = [cell for cell in pings if server in cell.answerers]
            answered = sum(_replies(pings[cell]) for cell in own)
            heard = after[server].echos - before[server].echos
            silent = all(not _replies(pings[cell]) for cell in own)
            clear = heard == 0 if silent else heard >= answered and all(cell.allowed for cell in own)
            for cell in own:
                if not clear:
                    seen[cell] = self._ping_alone(cell, server)
                else:
                    by = server if _replies(pings[cell]) else None
                    seen[cell] = Seen(str(pings[cell]), by)
        return seen

    def _ping_alone(self, cell: Cell, server: Peer) -> Seen:
        attempt = Attempt(cell.way, self._spots[cell.server].address, None, "alone")
        before = self._ends[server].look().echos
        (said,) = self._ends[cell.client].attempt([attempt], self._timeout("probe-attempt"))
        heard = self._ends[server].look().echos - before
        ping = self._ping(cell, said)
        replies = _replies(ping)
        if replies > heard:
            return Seen(f"{ping}, but {server} itself got {heard} requests: someone else answered")
        return Seen(str(ping), server) if replies else Seen(str(ping), arrived=heard > 0)

    # -- proofs

    def _demand_proof(self, cells: Sequence[Cell]) -> None:
        """What must not answer has answered somebody before; who is not answered has a network that is alive."""
        for cell in cells:
            for server in cell.answerers:
                if (server, cell.way) not in self._proved_servers:
                    raise Blocked(f"nothing proves that {server} can be reached by {cell.way}: nobody was answered")
        for client in dict.fromkeys(cell.client for cell in cells):
            if client not in self._proved_clients:
                prove_network(client)

    def _prove_baseline(self, denied: Sequence[Cell], allowed: Sequence[Cell]) -> None:
        """Servers still answer one whom they are to answer; raises ``Blocked``."""
        servers = _served(denied)
        baseline = {(cell.answerers[0], cell.way): cell for cell in allowed if (cell.answerers[0], cell.way) in servers}
        for cell, seen in self._round(list(baseline.values()), self._timeout("reach")).items():
            if seen.by not in cell.answerers:
                raise Blocked(f"after the attempts, the allowed path fails: {self._finding(cell, seen)}")

    def _prove_listening(self, denied: Sequence[Cell], allowed: Sequence[Cell]) -> None:
        """Servers that nobody is to reach still answer themselves; raises ``Blocked``."""
        alone: dict[Peer, list[Way]] = {}
        for server, way in _served(denied) - _served(allowed):
            alone.setdefault(server, []).append(way)
        side_by_side([partial(self._ends[server].prove, ways) for server, ways in alone.items()])

    def _finding(self, cell: Cell, seen: Seen) -> Finding:
        return Finding(cell, seen, self._spots[cell.client], self._spots[cell.server])

    def _timeout(self, name: str) -> float:
        return next(iter(self._ends.values())).guest.timeouts[name]


def _served(cells: Sequence[Cell]) -> set[tuple[Peer, Way]]:
    return {(server, cell.way) for cell in cells for server in cell.answerers}


def _spot(place: Peer | Destination) -> Spot:
    return Spot(str(place), place.address, place.node)


def _replies(ping: Ping) -> int:
    # One that was cut short has replies, and no count of them.
    return max(ping.received, len(set(ping.replies_from)))


def _keep(findings: Sequence[Finding], title: str) -> None:
    attach(f"matrix, {title}", draw(findings))
    exhibit(MatrixExhibit(title, datetime.now(UTC), tuple(finding.path() for finding in findings)))


def judge(findings: Sequence[Finding], title: str) -> None:
    """``AssertionError`` has a line with both ends for each finding that is not as expected."""
    wrong = [finding for finding in findings if not finding.as_expected]
    if wrong:
        count = f"{title}: {len(wrong)} of {len(findings)} paths are not as they shall be:"
        raise AssertionError("\n".join([count, *map(str, wrong)]) if len(wrong) > 1 else f"{wrong[0]} ({title})")
