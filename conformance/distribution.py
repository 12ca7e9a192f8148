"""What xdist keeps to itself, and the leading process has to know."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty

import pytest

from conformance.results.records import ALONE


def take_late_reports(config: pytest.Config) -> None:
    """Pass on what workers sent before an interruption, and what they send as they end; xdist drops it."""
    distributed = config.pluginmanager.getplugin("dsession")
    manager = getattr(distributed, "nodemanager", None)
    if distributed is None or manager is None:
        return
    manager.teardown_nodes()
    with suppress(Empty):
        while True:
            event, arguments = distributed.queue.get_nowait()
            if event == "testreport":
                distributed.worker_testreport(**arguments)


def worker_of(report: pytest.TestReport) -> str:
    """Whose report it is; xdist puts the worker's node into each that it passes on."""
    gateway = getattr(getattr(report, "node", None), "gateway", None)
    return str(getattr(gateway, "id", ALONE))
