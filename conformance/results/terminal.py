"""What a person at the terminal reads: progress, a table by profile, then what failed and how to run it again."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterable, Sequence
from typing import Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.catalog.model import Catalog
from conformance.evidence.redaction import REDACTOR
from conformance.results import work
from conformance.results.records import TestRecord
from conformance.results.requirements import Judged, statistics
from conformance.results.run import Run
from conformance.verdicts import ALARMING, Verdict

_MARKUP: dict[Verdict, dict[str, bool]] = {
    Verdict.PASSED: {"green": True},
    Verdict.CONFIRMED: {"green": True},
    Verdict.FAILED: {"red": True, "bold": True},
    Verdict.LIFTED: {"red": True, "bold": True},
    Verdict.BLOCKED: {"red": True},
    Verdict.NOT_APPLICABLE: {"yellow": True},
    Verdict.EXCLUDED: {"yellow": True},
}
_STYLE = {verdict: "green" if "green" in m else "red" if "red" in m else "yellow" for verdict, m in _MARKUP.items()}


class Writer(Protocol):
    """The part of pytest's terminal reporter that is used here."""

    hasmarkup: bool

    def write_line(self, line: str, **markup: bool) -> None: ...
    def write(self, content: str, *, flush: bool = False, **markup: bool) -> None: ...
    def write_sep(self, sep: str, title: str | None = None, **markup: bool) -> None: ...
    def ensure_newline(self) -> None: ...


def progress(writer: Writer, record: TestRecord, number: int, total: int) -> None:
    """One test that ended: ``[12/74] name … passed 38s``, and the reason below it unless it is well."""
    width = len(str(total))
    writer.ensure_newline()
    writer.write(f"[{number:>{width}}/{total}] {record.nodeid} … ")
    markup = _MARKUP.get(record.verdict, {})
    writer.write_line(f"{record.verdict.value} {seconds(record.duration)}", **markup)
    if record.reason:
        writer.write_line(REDACTOR.text(f"{' ' * (2 * width + 4)}{record.reason}"), **markup)


def summary(writer: Writer, catalog: Catalog, run: Run, judged: Sequence[Judged], files: Iterable[str]) -> None:
    """The table, what needs a look, and where the results are."""
    writer.write_sep("=", "conformance")
    if run.ending.preflight:
        writer.write_line(f"preflight failed: {REDACTOR.text(run.ending.preflight)}", red=True, bold=True)
    else:
        writer.write_line(_drawn(_table(catalog, judged), writer.hasmarkup))
    _reasons(writer, [each for each in judged if each.verdict is Verdict.NOT_APPLICABLE])
    if not run.ending.preflight:
        _alarms(writer, [each for each in judged if each.verdict in ALARMING], run)
    if cost := work.line(run.records, judged):
        writer.write_line(cost)
    if run.environment.statement and not run.ending.preflight:
        writer.write_line(run.environment.statement)
    for file in files:
        writer.write_line(file)


def seconds(value: float) -> str:
    """A duration as one reads it."""
    return f"{value:.1f}s" if value < 10 else f"{value:.0f}s"


def _table(catalog: Catalog, judged: Sequence[Judged]) -> Table:
    shown = [verdict for verdict in Verdict if any(each.verdict is verdict for each in judged)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("profile")
    for verdict in shown:
        table.add_column(verdict.value, justify="right")
    for profile in catalog.profiles:
        counts = statistics(each for each in judged if each.requirement.profile == profile.name)
        table.add_row(profile.name, *(_cell(verdict, counts[verdict]) for verdict in shown))
    counts = statistics(judged)
    table.add_row("all", *(_cell(verdict, counts[verdict]) for verdict in shown), style="bold")
    return table


def _cell(verdict: Verdict, count: int) -> Text:
    return Text(str(count) if count else "·", style=_STYLE.get(verdict, "") if count else "dim")


def _drawn(table: Table, colour: bool) -> str:
    console = Console(file=io.StringIO(), width=140, force_terminal=colour, color_system="standard" if colour else None)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip("\n")


def _reasons(writer: Writer, judged: Sequence[Judged]) -> None:
    if judged:
        writer.write_line("")
        writer.write_line("not applicable here:", bold=True)
    for each in judged:
        writer.write_line(REDACTOR.text(f"  {each.requirement.id}: {each.reason}"), yellow=True)


def _alarms(writer: Writer, judged: Sequence[Judged], run: Run) -> None:
    if judged:
        writer.write_line("")
    for each in judged:
        writer.write_line(f"{each.verdict.value}: {each.requirement.id}", red=True, bold=True)
        writer.write_line(f"  says:  {each.requirement.says}")
        writer.write_line(REDACTOR.text(f"  but:   {each.reason}"))
        writer.write_line(f"  again: {rerun(run, each.requirement.id)}")


def rerun(run: Run, id: str) -> str:
    """The command that runs one requirement again, as a shell takes it."""
    return shlex.join([*run.rerun, "--require", id])
