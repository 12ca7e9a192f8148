"""Hands whole scenarios to the workers of xdist: ``-p conformance.scenarios``.

xdist's own ``--dist=loadgroup`` tells a test's group by a suffix that it writes into the test's id; from pytest 9.2 on
that suffix is lost and every test goes anywhere, without a word (pytest-xdist issue 1386). So groups are read from the
suites' source here. With other kinds of ``--dist`` this does nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from conformance.catalog.index import Index, scan
from conformance.catalog.loader import catalog
from conformance.doctor.duration import estimate

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
        """A group is the unit that goes to a worker; other tests go one by one. What takes longest begins first."""

        def _split_scope(self, nodeid: str) -> str:
            return index.group_of(nodeid) or nodeid

        def remove_node(self, node: Any) -> str | None:
            """What the worker died of, if it died; the rest of its work goes to others, and that test to nobody.

            xdist would hand on the test that kills workers, and what is done already; a worker that gets nothing but
            that waits for ever.
            """
            workload = self.assigned_work[node]
            for scope, unit in list(workload.items()):
                if all(unit.values()):
                    del workload[scope]
            died_of = next((nodeid for unit in workload.values() for nodeid, done in unit.items() if not done), None)
            for scope, unit in list(workload.items()):
                if died_of in unit:
                    unit[died_of] = True
                if all(unit.values()):
                    del workload[scope]
            super().remove_node(node)
            return died_of

        def _assign_work_unit(self, node: Any) -> None:
            longest = max(self.workqueue, key=lambda scope: estimate(self.workqueue[scope]).seconds)
            self.workqueue.move_to_end(longest, last=False)
            # A worker may be dead and not known to be yet: its work is handed on as soon as it is.
            with suppress(OSError):
                super()._assign_work_unit(node)

        def _reschedule(self, node: Any) -> None:
            if node not in self.registered_collections:
                return  # a new worker: it gets work when it has collected
            super()._reschedule(node)
            # A worker begins a test when it knows the next one, or that there is none.
            while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
                self._assign_work_unit(node)
            if not self.workqueue and not node.shutting_down:
                node.shutdown()

    return Scenarios(config, log)
