"""The results of a run of the whole catalogue: how long they take to write, how large the page is, how soon open."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from conformance.results import conformance_report, html
from tests.results import large
from tests.results.browser import chromium, missing


def written_seconds(rounds: int) -> Iterator[float]:
    """From the records of a run to report.json and report.html on the disk."""
    run = large.red_run()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            began = time.monotonic()
            document = large.report(run)
            conformance_report.save(document, Path(folder))
            html.save(document, Path(folder))
            yield time.monotonic() - began


def page_mebibytes(rounds: int) -> Iterator[float]:
    """The size of report.html; the same each time."""
    yield from [len(html.render(large.report(large.red_run())).encode("utf-8")) / 2**20] * rounds


def interactive_seconds(rounds: int) -> Iterator[float]:
    """From the opening of report.html in a headless Chromium until it is loaded and its script has run."""
    if missing():
        raise AssertionError(missing())
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = html.save(large.report(large.red_run()), Path(folder))
        for _ in range(rounds):
            browser.open(page)
            yield browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
