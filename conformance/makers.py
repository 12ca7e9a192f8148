"""Who makes what: the test and the fixtures at work in this process, of which one may be inside another."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


class Makers:
    """Makers at work, the innermost last: a test by its id, a fixture by :func:`of_fixture`."""

    def __init__(self) -> None:
        self._at_work: list[Hashable] = []

    @contextmanager
    def at_work(self, maker: Hashable) -> Iterator[None]:
        """Count what is made in this block as ``maker``'s."""
        self._at_work.append(maker)
        try:
            yield
        finally:
            self._at_work.pop()

    def all(self) -> set[Hashable]:
        """All that are at work."""
        return set(self._at_work)

    def innermost(self) -> Hashable:
        """The one whose life bounds that of what it makes; None outside of tests."""
        return self._at_work[-1] if self._at_work else None


def of_fixture(fixturedef: pytest.FixtureDef[object]) -> tuple[str, str]:
    """A fixture's name, and the place below which it serves."""
    return fixturedef.argname, fixturedef.baseid


MAKERS = Makers()
