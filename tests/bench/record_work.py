"""``python -m tests.bench.record_work OUT``: what each test of a run booted and moved, into ``work.yaml`` of doctor.

The counts are read from the tests' logs in ``OUT/evidence``, as ``OUT/report.json`` names them. A test that was not
run keeps what was recorded of it before.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

import yaml

from conformance.catalog.index import without_parameters
from conformance.doctor.duration import FILE
from conformance.machines.boot import BOOT
from conformance.machines.migration import LIVE_MIGRATION

HEAD = """\
# What tests were seen to do, for the rough duration that `doctor` tells: VMs booted, live migrations made (of a test
# with parameters, by all of them). `python -m tests.bench.record_work OUT` writes it from the results of a run.
# Assumed are the seconds of a real cluster: the same as `lab up --pace boot=40s,migrate=15s`, and a few for all else.
"""


def main(out: Path) -> None:
    """Read the results of a run, and write the file anew."""
    report = json.loads((out / "report.json").read_text())
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    told = {test["nodeid"]: test for each in report["requirements"] for test in each["tests"]}
    for nodeid, test in told.items():
        if test["verdict"] not in ("passed", "confirmed"):
            continue
        counts = seen[without_parameters(nodeid)]
        for log in (out / file for file in test["evidence"] if file.endswith("log.txt")):
            text = log.read_text()
            counts.update({name: text.count(f" {name} = ") for name in (BOOT, LIVE_MIGRATION)})
    data = yaml.safe_load(FILE.read_text()) if FILE.exists() else {"assumed": {}, "tests": {}}
    data["tests"] |= {nodeid: [counts[BOOT], counts[LIVE_MIGRATION]] for nodeid, counts in seen.items()}
    lines = [f"  {nodeid}: [{boots}, {moves}]" for nodeid, (boots, moves) in sorted(data["tests"].items())]
    assumed = ", ".join(f"{name}: {seconds}" for name, seconds in data["assumed"].items())
    FILE.write_text(HEAD + f"assumed: {{{assumed}}}\ntests:\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
