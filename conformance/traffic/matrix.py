"""Who reaches whom, by what: expected beside observed, all at once.

Attempts are made side by side, so a path that is shut costs one wait, not one each. A path counts as shut only beside
the proof that it could have been open: the client's programs work and its network is alive, the server listens, and
somebody else was answered by it, in this check or an earlier one on the same stage. Nothing may arrive at the server
either: no datagram, no echo request, no half-open session.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from conformance.evidence import JSON, attach, note, step
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

    def check(self, cells: Sequence[Cell], title: str, settles: str | None = None) -> list[Finding]:
        """Look at all cells; ``AssertionError`` has a line with both ends for each that is not as expected."""
        findings = self.look(cells, title, settles)
        judge(findings, title)
        return findings

    def look(self, cells: Sequence[Cell], title: str, settles: str | None = None) -> list[Finding]:
        """What is seen at all cells, without a verdict.

        Open paths are tried until the time-out ``reach``, shut ones for ``probe-silence``. What was changed just now,
        such as a policy, takes effect within the time-out named ``settles``: until then shut paths are tried again.
        Raises ``Blocked`` when a path is shut of which nothing proves that it could be open.
        """
        allowed = [cell for cell in cells if cell.allowed]
        denied = [cell for cell in cells if not cell.allowed]
        with step(f"matrix, {title}: {len(allowed)} open paths, {len(denied)} shut ones"):
            deadline = Deadline(self._timeout(settles) if settles else 0)
            seen = self._until_reached(allowed)
            self._remember(allowed, seen)
            self._demand_proof(denied)
            while denied:
                shut = self._try_in_vain(denied)
                leaks = [cell for cell in denied if not self._finding(cell, shut[cell]).as_expected]
                if not leaks or deadline.passed:
                    seen |= shut
                    self._prove_after(denied, allowed)
                    break
                note(f"{len(leaks)} paths are still open, such as {self._finding(leaks[0], shut[leaks[0]])}")
            findings = [self._finding(cell, seen[cell]) for cell in cells]
            _keep(findings, title)
            return findings

    # -- rounds

    def _until_reached(self, cells: Sequence[Cell]) -> dict[Cell, Seen]:
        return self._round(cells, self._timeout("reach"))

    def _try_in_vain(self, cells: Sequence[Cell]) -> dict[Cell, Seen]:
        return self._round(cells, self._timeout("probe-silence"))

    def _round(self, cells: Sequence[Cell], seconds: float) -> dict[Cell, Seen]:
        """One attempt at each cell, side by side, and what the servers heard of it."""
        greetings = {cell: f"hello-{secrets.token_hex(6)}" for cell in cells}
        clients = list(dict.fromkeys(cell.client for cell in cells))
        servers = list(dict.fromkeys(peer for cell in cells for peer in cell.answerers))
        addresses = {cell: cell.server.address for cell in cells}
        before = self._look(servers)
        came: dict[Cell, str] = {}

        def tries(client: Peer) -> dict[Cell, str]:
            own = [cell for cell in cells if cell.client is client]
            attempts = [Attempt(cell.way, addresses[cell], cell.port, greetings[cell]) for cell in own]
            return dict(zip(own, self._ends[client].attempt(attempts, seconds), strict=True))

        for said in side_by_side([partial(tries, client) for client in clients]):
            came |= said
        after = self._look(servers)
        pings = {cell: parse_ping(text) for cell, text in came.items() if cell.way.protocol == "icmp"}
        seen = self._judge_pings(pings, before, after)
        sources = {client: client.address for client in clients}
        for cell in cells:
            if cell not in pings:
                seen[cell] = self._judge_session(cell, came[cell], greetings[cell], sources[cell.client], before, after)
        return seen

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
        attempt = Attempt(cell.way, cell.server.address, None, "alone")
        before = self._ends[server].look().echos
        (said,) = self._ends[cell.client].attempt([attempt], self._timeout("probe-attempt"))
        heard = self._ends[server].look().echos - before
        ping = parse_ping(said)
        replies = _replies(ping)
        if replies > heard:
            return Seen(f"{ping}, but {server} itself got {heard} requests: someone else answered")
        return Seen(str(ping), server) if replies else Seen(str(ping), arrived=heard > 0)

    # -- proofs

    def _remember(self, cells: Sequence[Cell], seen: dict[Cell, Seen]) -> None:
        for cell in cells:
            if seen[cell].by in cell.answerers:
                self._proved_servers |= {(peer, cell.way) for peer in cell.answerers}
                self._proved_clients.add(cell.client)

    def _demand_proof(self, cells: Sequence[Cell]) -> None:
        """What must not answer has answered somebody before; who is not answered has a network that is alive."""
        for cell in cells:
            for server in cell.answerers:
                if (server, cell.way) not in self._proved_servers:
                    raise Blocked(f"nothing proves that {server} can be reached by {cell.way}: nobody was answered")
        for client in dict.fromkeys(cell.client for cell in cells):
            if client not in self._proved_clients:
                prove_network(client)

    def _prove_after(self, denied: Sequence[Cell], allowed: Sequence[Cell]) -> None:
        """Servers still answer one whom they are to answer, or at least themselves; raises ``Blocked``."""
        servers = {(server, cell.way) for cell in denied for server in cell.answerers}
        baseline = {(cell.answerers[0], cell.way): cell for cell in allowed if (cell.answerers[0], cell.way) in servers}
        for cell, seen in self._until_reached(list(baseline.values())).items():
            if seen.by not in cell.answerers:
                raise Blocked(f"after the attempts, the allowed path fails: {self._finding(cell, seen)}")
        alone: dict[Peer, list[Way]] = {}
        for server, way in servers - set(baseline):
            alone.setdefault(server, []).append(way)
        side_by_side([partial(self._ends[server].prove, ways) for server, ways in alone.items()])

    def _finding(self, cell: Cell, seen: Seen) -> Finding:
        return Finding(cell, seen, _spot(cell.client), _spot(cell.server))

    def _timeout(self, name: str) -> float:
        return next(iter(self._ends.values())).guest.timeouts[name]


def _spot(place: Peer | Destination) -> Spot:
    return Spot(str(place), place.address, place.node)


def _replies(ping: Ping) -> int:
    # One that was cut short has replies, and no count of them.
    return max(ping.received, len(set(ping.replies_from)))


def _keep(findings: Sequence[Finding], title: str) -> None:
    attach(f"matrix, {title}", draw(findings))
    attach(f"matrix, {title}, cells", json.dumps({"title": title, "cells": [f.data() for f in findings]}), JSON)


def judge(findings: Sequence[Finding], title: str) -> None:
    """``AssertionError`` has a line with both ends for each finding that is not as expected."""
    wrong = [finding for finding in findings if not finding.as_expected]
    if wrong:
        count = f"{title}: {len(wrong)} of {len(findings)} paths are not as they shall be"
        raise AssertionError("\n".join([count, *map(str, wrong)]) if len(wrong) > 1 else f"{wrong[0]} ({title})")
