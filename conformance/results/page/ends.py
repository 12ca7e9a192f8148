"""Both ends of what went wrong: as exhibits tell them, or else as the line of a message names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.pictures.matrix import wrong
from conformance.pictures.names import way

#: A line as ``conformance.traffic.peers.line`` makes it.
_ROUTE = re.compile(
    r"(?P<protocol>[a-z]+) (?P<client>\S+) \((?P<client_address>\S+), (?P<client_node>[^()]+)\) -> "
    r"(?P<server>[^()]+) \((?P<server_address>\S+), (?P<server_node>[^()]+)\)(?:: (?P<how>[^;]+))?"
)

Path = Mapping[str, Any]
Trait = Callable[[Path], str]


@dataclass(frozen=True)
class Wrong:
    """A path that is not as it shall be; ``expected`` and ``observed`` are empty where only a message tells of it."""

    way: str
    client: str
    client_place: str
    server: str
    server_place: str
    expected: str = ""
    observed: str = ""
    how: str = ""


def wrong_paths(reason: str, exhibits: Iterable[Mapping[str, Any]]) -> list[Wrong]:
    """Those of the matrices; without any, the one that the reason names, if it names one."""
    found = [_of_path(path) for each in exhibits if each["kind"] == "matrix" for path in wrong(each)]
    return found or list(_named(reason))


def in_common(exhibits: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the wrong paths of these matrices share, and the right ones do not: often it names the cause."""
    paths = [path for each in exhibits if each["kind"] == "matrix" for path in each["paths"]]
    bad = [path for path in paths if path["observed"] != path["expected"]]
    well = [path for path in paths if path["observed"] == path["expected"]]
    if len(bad) < 2:
        return []
    return [trait for alternatives in _TRAITS for trait in _first_shared(alternatives, bad, well)]


def _first_shared(alternatives: Iterable[Trait], bad: Sequence[Path], well: Sequence[Path]) -> list[str]:
    for told in alternatives:
        traits = {told(path) for path in bad}
        if len(traits) == 1 and any(told(path) not in traits for path in well):
            return list(traits)
    return []


def _of_path(path: Path) -> Wrong:
    client, server = path["client"], path["server"]
    return Wrong(
        way(path),
        client["name"],
        _place(client["address"], client["node"]),
        server["name"],
        _place(server["address"], server["node"]),
        path["expected"],
        path["observed"],
        path["how"],
    )


def _named(reason: str) -> Iterator[Wrong]:
    found = _ROUTE.search(reason)
    if found:
        client = _place(found["client_address"], found["client_node"])
        server = _place(found["server_address"], found["server_node"])
        yield Wrong(found["protocol"], found["client"], client, found["server"], server, how=found["how"] or "")


def _place(address: str, node: str) -> str:
    return f"{address}, {node}" if node else address


def _nodes(path: Path) -> str:
    client, server = path["client"]["node"], path["server"]["node"]
    return f"between two ends on {client}" if client == server else "from one node to another"


#: Of alternatives the first that holds is told: what is shared by one end is shared by its node.
_TRAITS: tuple[tuple[Trait, ...], ...] = (
    (lambda path: f"by {way(path)}", lambda path: f"by {path['protocol']}"),
    (lambda path: f"from {path['client']['name']}", lambda path: f"from {path['client']['node']}"),
    (lambda path: f"to {path['server']['name']}", lambda path: f"to {path['server']['node']}"),
    (_nodes,),
)
