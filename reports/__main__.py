"""``python -m reports FILE…``: whether submitted reports follow the schema and agree with themselves; one line each.

Exit status: 0 all are sound, 1 one at least is not, 4 wrong use.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.catalog.loader import catalog
from conformance.compare import BadReport, Report, read

REFUSED, USAGE = 1, 4


def main(arguments: Sequence[str]) -> int:
    """Check these files; gives the exit status."""
    if not arguments or any(argument.startswith("-") for argument in arguments):
        print("python -m reports FILE…: name one report.json or several", file=sys.stderr)
        return USAGE
    refused = 0
    for argument in arguments:
        try:
            print(told(read(Path(argument), catalog())))
        except BadReport as error:
            refused = REFUSED
            print(error, file=sys.stderr)
    return refused


def told(report: Report) -> str:
    """A sound report in a line: where it was made, of what, and what came of it."""
    document = report.document
    tested = document["implementation"]
    name = " ".join(filter(None, [tested["name"], tested["version"]]))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in document["statistics"].items() if count)
    return (
        f"{report.name}: {report.environment.upper()}, {name}, run {document['runId']}: {document['result']}: {counts}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
