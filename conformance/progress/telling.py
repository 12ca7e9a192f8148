"""Tells the leading process what the tests of this one are at."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import pytest

from conformance.catalog.index import without_group
from conformance.evidence.recorder import RECORDER
from conformance.progress.wire import Teller

#: Where the leading process listens; known once the session has started, empty where nobody listens.
ADDRESS = pytest.StashKey[str]()


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Telling:
    """pytest plugin of the process that runs tests: a worker, or the only process."""

    config: pytest.Config

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Tell of the test's steps for as long as it runs."""
        address = self.config.stash.get(ADDRESS, "")
        if not address:
            return (yield)
        teller = Teller(address, without_group(item.nodeid))
        unsubscribe = RECORDER.subscribe(teller)
        try:
            return (yield)
        finally:
            unsubscribe()
            teller.close()
