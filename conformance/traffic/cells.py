"""The cells of a matrix: who, to whom, by what; what shall be, what was seen; as messages, text and data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from conformance.evidence.exhibits import End, Path
from conformance.traffic.peers import Peer, Place, line
from conformance.traffic.probe import PORT, Protocol


@dataclass(frozen=True)
class Way:
    """A protocol and the port on which servers listen; ICMP has none."""

    protocol: Protocol
    port: int | None

    def __str__(self) -> str:
        return self.protocol if self.port is None else f"{self.protocol}/{self.port}"


ICMP = Way("icmp", None)


def tcp(port: int = PORT) -> Way:
    """TCP to that port."""
    return Way("tcp", port)


def udp(port: int = PORT) -> Way:
    """UDP to that port."""
    return Way("udp", port)


EVERY_WAY = (ICMP, tcp(), udp())


@dataclass(frozen=True)
class Destination:
    """An address that is not a peer's own, such as a service's, with those who may answer there.

    ``port`` is the one to dial, where it is not the one on which the peers listen. Who answers pings is known only
    where one alone may.
    """

    name: str
    address: str
    answerers: tuple[Peer, ...]
    port: int | None = None
    node: str = "cluster"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Cell:
    """``client`` shall reach ``server`` by ``way``, or shall not."""

    client: Peer
    server: Peer | Destination
    way: Way
    allowed: bool

    @property
    def answerers(self) -> tuple[Peer, ...]:
        """Who may answer."""
        return self.server.answerers if isinstance(self.server, Destination) else (self.server,)

    @property
    def port(self) -> int | None:
        """The port to dial."""
        return (self.server.port if isinstance(self.server, Destination) else None) or self.way.port


@dataclass(frozen=True)
class Seen:
    """What an attempt showed. ``by``: who answered; ``arrived``: packets came to a server, and no answer back."""

    how: str
    by: Peer | None = None
    arrived: bool = False


@dataclass(frozen=True)
class Finding:
    """A cell beside what was seen; both ends as they were then."""

    cell: Cell
    seen: Seen
    client: Place
    server: Place

    @property
    def reached(self) -> bool:
        """Whether one who may answer did."""
        return self.seen.by in self.cell.answerers

    @property
    def as_expected(self) -> bool:
        """Whether the cell is as it shall be: a path that is shut lets nothing through, in either direction."""
        return self.reached if self.cell.allowed else not (self.reached or self.seen.arrived)

    def __str__(self) -> str:
        """One line with both ends: what was expected, what was seen."""
        route = line(self.cell.way.protocol, self.client, self.server, self.cell.port)
        if self.cell.allowed:
            return f"{route}: {'reached' if self.reached else 'not reached'}: {self.seen.how}"
        if self.reached:
            return f"{route}: expected no path, got reply: {self.seen.how}"
        if self.seen.arrived:
            return f"{route}: expected no path, but packets arrive, only no reply comes back: {self.seen.how}"
        return f"{route}: no path: {self.seen.how}"

    def path(self) -> Path:
        """For a report to draw."""
        return Path(
            client=_end(self.client),
            server=_end(self.server),
            protocol=self.cell.way.protocol,
            port=self.cell.port,
            expected="reached" if self.cell.allowed else "blocked",
            observed="reached" if self.reached else "arrived" if self.seen.arrived else "blocked",
            how=self.seen.how,
        )


def _end(place: Place) -> End:
    return End(str(place), place.address, place.node)


def cells(
    clients: Iterable[Peer],
    servers: Iterable[Peer | Destination],
    ways: Sequence[Way],
    allowed: bool | Callable[[Peer, Peer | Destination, Way], bool],
) -> list[Cell]:
    """Each client to each server but itself by each way; ``allowed`` for all, or asked for each."""
    verdict = allowed if callable(allowed) else lambda *_: bool(allowed)
    servers = list(servers)
    return [
        Cell(client, server, way, verdict(client, server, way))
        for client in clients
        for server in servers
        if server is not client
        for way in ways
    ]


def draw(findings: Sequence[Finding]) -> str:
    """A grid: clients below each other, servers and ways side by side; what is not as expected stands in capitals."""
    columns = list(dict.fromkeys((str(finding.server), finding.cell.way) for finding in findings))
    rows = list(dict.fromkeys(str(finding.client) for finding in findings))
    heads = [f"{server} {way}" for server, way in columns]
    known = {(str(f.client), str(f.server), f.cell.way): _mark(f) for f in findings}
    first = max(len(name) for name in ["from \\ to", *rows])
    lines = ["  ".join(["from \\ to".ljust(first), *heads])]
    for row in rows:
        marks = [known.get((row, *column), "-").ljust(len(head)) for column, head in zip(columns, heads, strict=True)]
        lines.append("  ".join([row.ljust(first), *marks]).rstrip())
    return "\n".join([*lines, "", *map(str, findings)])


def _mark(finding: Finding) -> str:
    mark = "reached" if finding.reached else "arrived" if finding.seen.arrived else "blocked"
    return mark if finding.as_expected else mark.upper()
