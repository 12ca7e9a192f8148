"""What the command prints: the catalogue with its coverage, and the help of ``run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.catalog.index import Index
from conformance.catalog.model import Catalog
from conformance.naming import unknown
from conformance.options import OPTIONS

NOT_COVERED = "not covered"
_SHORTEST_JUDGED = len("--image")
_SLIPS = 2
_OF_PYTEST = (
    ("-n WORKERS", "run scenarios side by side"),
    ("-k EXPRESSION", "only tests whose name matches, such as -k migration"),
    ("-x", "stop at the first failure"),
    ("-v", "longer tracebacks and comparisons"),
    ("--collect-only -q", "list the tests and touch no cluster"),
)
_EXAMPLES = (
    ("udn-conformance run -n 2", "everything, on the lab"),
    ("udn-conformance run --profile persistence -k migration", "part of it"),
    ("udn-conformance run --kubeconfig ~/.kube/config --context prod -n 4", "on your cluster"),
)


class UnknownFlag(Exception):
    """An option that neither the suites nor pytest have; one line with near matches."""


def check_flags(arguments: Sequence[str]) -> None:
    """Tell a misspelt option of ours with what comes near it: pytest would print its usage. Raises UnknownFlag.

    Short flags, and those that resemble none of ours, are left to pytest and its plugins.
    """
    ours = [option.flag for option in OPTIONS]
    for argument in arguments:
        flag = argument.partition("=")[0]
        if not flag.startswith("--") or len(flag) < _SHORTEST_JUDGED or flag in ours:
            continue
        if any(_distance(flag, option) <= _SLIPS for option in ours):
            raise UnknownFlag(unknown("option", flag, ours))


def _distance(left: str, right: str) -> int:
    """How many letters must be changed, added or left out to get from one to the other."""
    previous = list(range(len(right) + 1))
    for row, a in enumerate(left, start=1):
        current = [row]
        for column, b in enumerate(right, start=1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (a != b)))
        previous = current
    return previous[-1]


def names_tests(arguments: Sequence[str]) -> bool:
    """Whether the user named files or tests himself."""
    return any(
        not argument.startswith("-") and ("::" in argument or argument.endswith(".py")) and _exists(argument)
        for argument in arguments
    )


def _exists(argument: str) -> bool:
    return Path(argument.partition("::")[0]).exists()


def rows(known: Catalog, index: Index, profiles: set[str]) -> list[dict[str, Any]]:
    """One entry a requirement of these profiles, as plain data."""
    return [
        {
            "id": requirement.id,
            "says": requirement.says,
            "kind": requirement.kind.value,
            "level": requirement.level.value,
            "source": [str(source) for source in requirement.source],
            "breaksIt": requirement.breaks_it,
            "needs": list(requirement.needs),
            "since": requirement.since,
            "until": requirement.until,
            "releases": dict(requirement.releases),
            "tests": [test.nodeid for test in index.of(requirement.id)],
        }
        for requirement in known
        if requirement.profile in profiles
    ]


def show(console: Console, entries: Sequence[dict[str, Any]]) -> None:
    """The table, and how much of it is covered."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 1, 0))
    table.add_column("id, kind, level", ratio=6, overflow="fold")
    table.add_column("sentence, source", ratio=9, overflow="fold")
    table.add_column("tests", ratio=6, overflow="fold")
    for entry in entries:
        sources = ", ".join(_short(source) for source in entry["source"])
        about = Text.assemble(entry["id"], (f"\n{entry['kind']}, {entry['level']}", "dim"))
        says = Text.assemble(entry["says"], (f"\n{sources}", "dim"))
        tests = Text("\n".join(entry["tests"])) if entry["tests"] else Text(NOT_COVERED, style="yellow")
        table.add_row(about, says, tests)
    console.print(table)
    covered = sum(1 for entry in entries if entry["tests"])
    console.print(f"{len(entries)} requirements: {covered} covered by tests, {len(entries) - covered} {NOT_COVERED}")


def _short(source: str) -> str:
    document, _, section = source.partition(" ")
    return source if section.startswith("§") else document


def show_run_help(console: Console, exit_codes: str) -> None:
    """The help of ``run``: examples first, then the options, ours and pytest's."""
    console.print("Usage: udn-conformance run [OPTIONS] [TESTS]\n", markup=False, highlight=False)
    console.print("Examples:", style="bold")
    for example, meaning in _EXAMPLES:
        console.print(f"  {example}\n      {meaning}", markup=False, highlight=False)
    console.print()
    _block(console, "Options", [(f"{o.flag} {_value(o.settings)}".strip(), o.help) for o in OPTIONS])
    _block(console, "Of pytest, which runs the tests (any of its options is taken)", _OF_PYTEST)
    console.print(exit_codes, markup=False, highlight=False)


def _value(settings: Any) -> str:
    if "choices" in settings:
        return "|".join(settings["choices"])
    return str(settings.get("metavar", ""))


def _block(console: Console, title: str, pairs: Sequence[tuple[str, str]]) -> None:
    console.print(f"{title}:", style="bold", markup=False, highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for left, right in pairs:
        table.add_row(Text(left), Text(right))
    console.print(table)
    console.print()
