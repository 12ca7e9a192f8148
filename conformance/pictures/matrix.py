"""Who reaches whom: what was expected beside what was observed, a band for each protocol and port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from conformance.pictures.names import End, key, labels, way
from conformance.pictures.svg import LINE, box, element, picture, width_of, words

CELL, HEIGHT, GAP, EDGE = 26.0, 24.0, 22.0, 8.0
_SIDES = ("expected", "observed")
_SHOWN = 4

Path = Mapping[str, Any]
#: A path, the side on which it is drawn, and where.
Drawn = tuple[Path, str, float, float]


def matrix(exhibit: Mapping[str, Any]) -> str:
    """The picture of an exhibit of kind ``matrix``."""
    return _Grid(exhibit["paths"]).picture(alternative(exhibit))


def wrong(exhibit: Mapping[str, Any]) -> list[Path]:
    """The paths that are not as they shall be."""
    return [path for path in exhibit["paths"] if path["observed"] != path["expected"]]


def alternative(exhibit: Mapping[str, Any]) -> str:
    """What the picture shows, in a sentence or two."""
    paths, bad = exhibit["paths"], wrong(exhibit)
    title = f"Who reaches whom, {exhibit['title']}"
    if not bad:
        return f"{title}: all {len(paths)} paths are as expected."
    shown = "; ".join(
        f"{told(path)}: expected {path['expected']}, observed {path['observed']}" for path in bad[:_SHOWN]
    )
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"{title}: {len(bad)} of {len(paths)} paths are not as expected: {shown}{more}."


def told(path: Path) -> str:
    """``tcp/5000 from vm-a to vm-b``."""
    return f"{way(path)} from {path['client']['name']} to {path['server']['name']}"


class _Grid:
    """Where everything stands: two grids of equal shape side by side, below each other for each way."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = {(key(path["client"]), key(path["server"]), way(path)): path for path in paths}
        self._clients = {key(path["client"]): path["client"] for path in paths}
        servers = {key(path["server"]): path["server"] for path in paths}
        # In the order of the rows, so that nobody's path to itself, which is not tried, lies on the diagonal.
        self._servers = {at: servers[at] for at in [*self._clients, *servers] if at in servers}
        self._ways = list(dict.fromkeys(way(path) for path in paths))
        self._names = labels([*self._clients.values(), *self._servers.values()])
        self._rows = {at: self._row_label(end) for at, end in self._clients.items()}
        longest = max((width_of(self._names[at]) for at in self._servers), default=0)
        self._turned = longest > CELL - 4
        self._left = EDGE + max((width_of(label) for label in self._rows.values()), default=0) + 8
        self._top = LINE + 8 + (longest if self._turned else LINE) + 4
        self._side = max(CELL * len(self._servers), width_of(_SIDES[0]))

    def picture(self, alternative: str) -> str:
        width = max(self._left + 2 * self._side + GAP + EDGE, 470.0)
        bottom = self._top + sum(LINE + 6 + HEIGHT * len(self._clients) for _ in self._ways)
        return picture(width, bottom + 34, alternative, [*self._heads(), *self._bands(width), *_legend(bottom + 20)])

    def _row_label(self, end: End) -> str:
        return f"{self._names[key(end)]} · {end['node']}" if end["node"] else self._names[key(end)]

    def _x(self, side: int, column: int) -> float:
        return self._left + side * (self._side + GAP) + column * CELL

    def _heads(self) -> Iterator[str]:
        for side, title in enumerate(_SIDES):
            yield words(self._x(side, 0), LINE, title, "p-strong")
            for column, at in enumerate(self._servers):
                middle = self._x(side, column) + CELL / 2
                if self._turned:
                    yield words(middle + 4, self._top - 4, self._names[at], turned=True)
                else:
                    yield words(middle, self._top - 6, self._names[at], anchor="middle")
        yield words(EDGE, self._top - 6, "from \\ to", "p-soft")

    def _bands(self, width: float) -> Iterator[str]:
        y, cells = self._top, list[Drawn]()
        for one in self._ways:
            yield box(0, y, width, LINE + 2, "p-band")
            yield words(EDGE, y + 13, one, "p-strong")
            y += LINE + 6
            for at, label in self._rows.items():
                yield words(EDGE, y + 16, label)
                cells += self._cells(at, one, y)
                y += HEIGHT
        yield from _drawn(cells)

    def _cells(self, client: tuple[str, str], one: str, y: float) -> Iterator[Drawn]:
        for side, title in enumerate(_SIDES):
            for column, server in enumerate(self._servers):
                path = self._paths.get((client, server, one))
                if path is not None:
                    yield path, title, self._x(side, column), y


def _drawn(cells: Sequence[Drawn]) -> Iterator[str]:
    """All cells: as few elements as will do, for a report holds thousands of them."""
    yield element("path", d="".join(_frame(x, y) for _, _, x, y in cells), css="p-cell")
    for seen in ("reached", "blocked", "arrived"):
        places = [(x + CELL / 2, y + HEIGHT / 2) for path, side, x, y in cells if path[side] == seen]
        if places:
            yield _marks(seen, places)
    for path, side, x, y in cells:
        if path["observed"] != path["expected"]:
            yield from _wrong(path, side, x, y)


def _frame(x: float, y: float) -> str:
    return f"M{x + 1:g} {y + 1:g}h{CELL - 2:g}v{HEIGHT - 2:g}h{2 - CELL:g}z"


def _wrong(path: Path, side: str, x: float, y: float) -> Iterator[str]:
    hint = f"{told(path)}: expected {path['expected']}, observed {path['observed']}"
    yield box(x + 2, y + 2, CELL - 4, HEIGHT - 4, "p-meant" if side == "expected" else "p-wrong", hint)
    if side == "observed":
        yield from _flag(x + CELL - 9, y + 1)


def _flag(x: float, y: float) -> Iterator[str]:
    yield box(x, y, 9, 13, "p-flag")
    yield words(x + 2.8, y + 11, "!", "p-flag-text")


def _marks(seen: str, places: Iterable[tuple[float, float]]) -> str:
    """The sign for what was seen, at each of these places."""
    if seen == "blocked":
        return element("path", d="".join(f"M{x - 6:g} {y:g}h12" for x, y in places), css="p-shut")
    rings = "".join(f"M{x - 6:g} {y:g}a6 6 0 1 0 12 0a6 6 0 1 0-12 0z" for x, y in places)
    if seen == "reached":
        return element("path", d=rings, css="p-open")
    halves = "".join(f"M{x:g} {y - 6:g}a6 6 0 0 0 0 12z" for x, y in places)
    return element("path", d=rings, css="p-half") + element("path", d=halves, css="p-half-fill")


def _legend(y: float) -> Iterator[str]:
    x = EDGE + 6
    for seen, meaning in (("reached", "reached"), ("blocked", "blocked"), ("arrived", "arrived, no answer")):
        yield _marks(seen, [(x, y - 4)])
        yield words(x + 11, y, meaning, "p-soft")
        x += 11 + width_of(meaning) + 22
    yield from _flag(x - 4, y - 11)
    yield words(x + 10, y, "not as expected", "p-soft")
