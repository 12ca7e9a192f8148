"""``python -m lab.apiserver --state DIR``: serve the lab's API until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from lab.apiserver.process import serve


def main() -> int:
    """Parse the command line and serve; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab.apiserver", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the lab's state directory (holds lab.json)")
    parser.add_argument("--no-journal", action="store_true", help="keep objects in memory alone")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(options.state, journal=not options.no_journal))
    except FileNotFoundError as error:
        print(f"apiserver: no lab at {options.state}: {error.filename} is missing", file=sys.stderr)
        return 10
    except OSError as error:
        print(f"apiserver: cannot serve for {options.state}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
