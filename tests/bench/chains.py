"""``python -m tests.bench.chains OUT``: how long a run took, beside its longest chain of tests that share a scenario.

Tests of one group run one after another; a run cannot be shorter than the longest of these chains.
``lab up --pace boot=40s,migrate=15s`` gives them the length of a real cluster's.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from conformance.catalog.index import scan
from conformance.catalog.loader import catalog
from conformance.cli import suites_folder

SHOWN = 8


def main(out: Path) -> None:
    """Read the results of a run, and print its longest chains and the ratio."""
    report = json.loads((out / "report.json").read_text())
    tests = {test["nodeid"]: test for each in report["requirements"] for test in each["tests"] if test["started"]}
    index = scan(suites_folder(), catalog())
    chains: Counter[str] = Counter()
    for nodeid, test in tests.items():
        chains[index.group_of(nodeid) or nodeid] += test["duration"]
    begins = {nodeid: datetime.fromisoformat(test["started"]).timestamp() for nodeid, test in tests.items()}
    wall = max(begins[nodeid] + tests[nodeid]["duration"] for nodeid in tests) - min(begins.values())

    table = Table("chain", "seconds")
    for name, seconds in chains.most_common(SHOWN):
        table.add_row(name, f"{seconds:.0f}")
    workers = len({test["worker"] for test in tests.values()})
    console = Console()
    console.print(table)
    longest = max(chains.values())
    console.print(
        f"{wall:.0f} s with {workers} workers, {sum(chains.values()):.0f} s of tests: "
        f"{wall / longest:.2f} times the longest chain ({longest:.0f} s)"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
