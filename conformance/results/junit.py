"""JUnit's XML for tests that did not come to their end: pytest leaves those without a name, or out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from _pytest.junitxml import xml_key  # pytest offers no other way to reach what it writes

from conformance.catalog.index import without_group
from conformance.verdicts import Verdict

Location = tuple[str, int | None, str]


class OpenCases:
    """Knows which tests have begun, from pytest's reports, and gives those that are cut off an end."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._open: dict[str, pytest.TestReport] = {}

    def take(self, report: pytest.TestReport) -> None:
        """Take note of a report."""
        self._seen.add(without_group(report.nodeid))
        if report.when == "teardown":
            self._open.pop(report.nodeid, None)
        else:
            self._open[report.nodeid] = report

    def cut_off(self, config: pytest.Config, planned: Iterable[str], ids: Any, reason: str) -> None:
        """Write down those that did not end, and those that never began, as errors with ``reason``.

        ``ids`` gives the requirements of a test.
        """
        writer = config.stash.get(xml_key, None)
        if writer is None:
            return
        for report in self._open.values():
            for end in blocked(report.nodeid, report.location, ids(without_group(report.nodeid)), reason):
                # xdist's: JUnit's writer tells a test of one worker from that of another.
                end.node = getattr(report, "node", None)  # type: ignore[attr-defined]
                writer.pytest_runtest_logreport(end)
        for nodeid in sorted(set(planned) - self._seen):
            path, _, name = nodeid.partition("::")
            for end in blocked(nodeid, (path, None, name), ids(nodeid), reason):
                writer.pytest_runtest_logreport(end)


def blocked(nodeid: str, location: Location, ids: Sequence[str], reason: str) -> Iterator[pytest.TestReport]:
    """Reports by which JUnit's writer has an error, and the same properties as of a test that ended."""
    properties: list[tuple[str, object]] = [("requirement", id) for id in ids]
    properties += [("verdict", Verdict.BLOCKED.value), ("reason", reason)]
    yield pytest.TestReport(nodeid, location, {}, "failed", reason, "setup")
    yield pytest.TestReport(nodeid, location, {}, "passed", None, "teardown", user_properties=properties)
