"""``python -m tests.bench``: measures, prints a table, and writes ``out/bench.json``.

Ends with 0 whatever the figures are; wrong use ends with 2.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure, chosen, targets
from tests.bench.measuring import measure

Rows = Annotated[list[str] | None, typer.Argument(metavar="[ROW]...", help=f"Of: {', '.join(targets())}.")]
Rounds = Annotated[int, typer.Option(min=1, help="Rounds of each row; the suites get one.")]
LabName = Annotated[str, typer.Option(metavar="NAME", help="Brought up unless it is up.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder for bench.json.")]


def main(rows: Rows = None, rounds: Rounds = 3, lab_name: LabName = "bench", out: Out = Path("out")) -> None:
    """Measure the lab and the suites, print a table, write bench.json."""
    try:
        names = chosen(rows or [])
    except KeyError as error:
        raise typer.BadParameter(f"no row {error}; there are {', '.join(targets())}") from None
    console = Console()
    figures: list[Figure] = []
    with console.status("measuring") as status:
        for figure in measure(names, rounds, lab_name):
            figures.append(figure)
            status.update(f"measuring: {len(figures)} of {len(names)} rows done")
    figures.sort(key=lambda figure: names.index(figure.target.name))
    console.print(_table(figures))
    _write(figures, out / "bench.json")


def _table(figures: Sequence[Figure]) -> Table:
    title = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    table = Table("what", "median", "min", "max", "rounds", "target", "met", "load", title=title)
    for figure in figures:
        target = figure.target
        if figure.median is None:
            cells = ["-", "-", "-"]
        else:
            cells = [_number(value) for value in (figure.median, min(figure.values), max(figure.values))]
        what = target.what + (f"\n[red]{figure.problem}[/]" if figure.problem else "")
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: "not measured"}[figure.met]
        limit = f"{_number(target.target)} {target.unit}"
        table.add_row(what, *cells, str(len(figure.values)), limit, met, f"{figure.load:.1f}")
    return table


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _write(figures: Sequence[Figure], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "processors": os.cpu_count()}
    text = json.dumps(report | {"figures": [figure.to_plain() for figure in figures]}, indent=1)
    path.write_text(text + "\n")


if __name__ == "__main__":
    typer.run(main)
