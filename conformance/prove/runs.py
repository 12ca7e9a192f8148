"""Runs of the suites in a process of their own, and what they found out about requirements."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.results.conformance_report import FILE
from conformance.verdicts import Verdict

LOG = "output.txt"
ENDING_LIMIT = 300  # seconds for a run that was interrupted to take its objects away


class RunFailed(Exception):
    """A run left no results; one line that says why."""


@dataclass(frozen=True)
class Finding:
    """What a run found out about one requirement: its verdict, and the reasons of its tests that went wrong."""

    verdict: Verdict
    reasons: tuple[tuple[str, Verdict, str], ...] = ()


@dataclass(frozen=True)
class Runner:
    """Runs requirements on one lab; what they print and find is kept below ``out``."""

    lab: str
    out: Path
    workers: str | None
    extra: tuple[str, ...] = ()

    def run(self, name: str, requirements: Sequence[str], options: Sequence[str] = ()) -> Mapping[str, Finding]:
        """The finding for each of the requirements; raises RunFailed."""
        out = self.out / name
        out.mkdir(parents=True, exist_ok=True)
        (out / FILE).unlink(missing_ok=True)
        argv = [sys.executable, "-m", "conformance", "run", "--lab", "--lab-name", self.lab, "--out", str(out)]
        argv += ["-n", self.workers] if self.workers else []
        argv += [*self.extra, *options]
        for id in requirements:
            argv += ["--require", id]
        status = _to_its_end(argv, out / LOG)
        try:
            report: dict[str, Any] = json.loads((out / FILE).read_text())
        except (OSError, ValueError) as error:
            raise RunFailed(f"run {name} left no results (status {status}); see {out / LOG}") from error
        if report.get("preflight"):
            raise RunFailed(f"run {name}: preflight failed: {report['preflight']}")
        return {each["id"]: _finding(each) for each in report["requirements"] if each["id"] in requirements}


def _to_its_end(argv: Sequence[str], log: Path) -> int:
    with log.open("w") as file:
        # A session of its own, so that Ctrl-C reaches it once and by this process: it takes its objects away.
        environment = {**os.environ, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(ENDING_LIMIT)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.kill()
                process.wait()
            raise


def _finding(requirement: Mapping[str, Any]) -> Finding:
    tests = requirement["tests"]
    reasons = tuple((test["nodeid"], Verdict(test["verdict"]), test["reason"]) for test in tests if test["reason"])
    return Finding(Verdict(requirement["verdict"]), reasons)
