"""Writes the results of a run: each file by its own module, none kept from being written by another's trouble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from conformance.catalog.model import Catalog
from conformance.results import allure, conformance_report, html
from conformance.results.requirements import Judged
from conformance.results.run import Run


def write_all(catalog: Catalog, run: Run, judged: Sequence[Judged], out: Path, allure_folder: Path | None) -> list[str]:
    """Write everything; one line for each file that is there, or that could not be written."""
    document = conformance_report.build(catalog, run, judged)
    writers: dict[Path, Callable[[], object]] = {
        out / conformance_report.FILE: lambda: conformance_report.save(document, out),
        out / html.FILE: lambda: html.save(document, out),
    }
    if allure_folder is not None:
        writers[allure_folder] = lambda: allure.save(run, catalog, allure_folder)
        writers[out / allure.CONFIGURATION] = lambda: allure.save_configuration(out, allure_folder)
    lines = []
    for place, save in writers.items():
        try:
            save()
            lines.append(f"wrote {place}")
        except OSError as error:
            lines.append(f"could not write {place}: {error.strerror}")
    return lines
