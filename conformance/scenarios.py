"""Hands whole scenarios to the workers of xdist: ``-p conformance.scenarios``.

xdist's own ``--dist=loadgroup`` tells a test's group by a suffix that it writes into the test's id; from pytest 9.2 on
that suffix is lost and every test goes anywhere, without a word (pytest-xdist issue 1386). So groups are read from the
suites' source here. With other kinds of ``--dist`` this does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from conformance.catalog.index import Index, scan
from conformance.catalog.loader import catalog

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """The scheduler of a run whose tests come in groups."""
    if config.getoption("dist") != "loadgroup":
        return None
    return _scheduler(config, log, scan(config.rootpath, catalog()))


def _scheduler(config: pytest.Config, log: Any, index: Index) -> LoadScopeScheduling:
    from xdist.scheduler import LoadScopeScheduling  # late: there may be no xdist

    class Scenarios(LoadScopeScheduling):  # type: ignore[misc]
        """A group is the unit that goes to a worker, the one with most tests first; other tests go one by one."""

        def _split_scope(self, nodeid: str) -> str:
            return index.group_of(nodeid) or nodeid

    return Scenarios(config, log)
