"""A comparison for people: on a terminal, and as Markdown for a merge request or a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from conformance.compare.changes import Change, Trend
from conformance.compare.comparison import Comparison
from conformance.compare.reading import Report

_TOLD = tuple(trend for trend in Trend if trend is not Trend.SAME)
_GOOD = (Trend.BETTER, Trend.GAINED, Trend.COVERED)


def show(console: Console, made: Comparison) -> None:
    """Print what is to be known first, what changed by the way it went, the figures, the verdict."""
    console.print(_head(made), markup=False, highlight=False, soft_wrap=True)
    for notice in made.notices:
        console.print(Text(f"! {notice}", style="yellow"), soft_wrap=True)
    for trend in _TOLD:
        found = made.of(trend)
        if found:
            console.print(Text(f"\n{trend} ({len(found)})", style="bold"))
            _show_changes(console, found, trend)
    if made.movements:
        console.print(Text("\nfigures: median (samples)", style="bold"))
    for movement in made.movements:
        console.print(Text(f"  {movement}", style="yellow" if movement.moved else ""), soft_wrap=True)
    style = "bold red" if made.regressions else "green"
    console.print(Text(f"\n{made.verdict}", style=style), soft_wrap=True)


def markdown(made: Comparison) -> str:
    """The same as Markdown."""
    return "\n".join(_lines(made)) + "\n"


def _lines(made: Comparison) -> Iterator[str]:
    yield f"**{_plain(made.verdict)}**"
    yield ""
    yield _plain(_head(made))
    if made.notices:
        yield ""
    yield from (f"- {_plain(notice)}" for notice in made.notices)
    for trend in _TOLD:
        found = made.of(trend)
        if found:
            yield from ("", f"### {trend} ({len(found)})", "", "| requirement | before | after | reason |")
            yield "|---|---|---|---|"
        for change in found:
            yield f"| {change.id} | {change.before} | {change.after} | {_plain(change.reason)} |"
    if made.movements:
        yield from ("", "### figures: median (samples)", "")
    yield from (f"- {_plain(str(movement))}" for movement in made.movements)


def _show_changes(console: Console, found: list[Change], trend: Trend) -> None:
    width = max(len(change.id) for change in found)
    for change in found:
        style = "red" if change.regression else "green" if trend in _GOOD else ""
        line = Text.assemble(f"  {change.id:<{width}}  ", (f"{change.before} -> {change.after}", style))
        console.print(line, soft_wrap=True)
        if change.reason:
            console.print(Text(f"      {change.reason}"), soft_wrap=True)


def _head(made: Comparison) -> str:
    return f"{_origin(made.before)} -> {_origin(made.after)}"


def _origin(report: Report) -> str:
    document = report.document
    return f"{report.name} (run {document['runId']}, {document['date']}, {report.environment})"


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is, in one line."""
    for sign in "\\`*_<>|[]":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
