"""Runs of the suites in a process of their own, and what they found out about requirements."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.prove.plan import rehearses
from conformance.results.conformance_report import FILE
from conformance.verdicts import Verdict

LOG = "output.txt"
ENDING_LIMIT = 300  # seconds for a run that was interrupted to take its objects away


class RunFailed(Exception):
    """A run left no results; one line that says why."""


class Interrupted(Exception):
    """A run was ended before it found anything out."""


@dataclass(frozen=True)
class Finding:
    """What a run found out about one requirement: its verdict, and the reasons of its tests that went wrong."""

    verdict: Verdict
    reasons: tuple[tuple[str, Verdict, str], ...] = ()


class Runner:
    """Runs requirements on one lab; what they print and find is kept below ``out``.

    ``disposable`` tells that the lab goes down with the proofs: what a run made there need not be taken away.
    """

    def __init__(
        self, lab: str, out: Path, workers: str | None, extra: tuple[str, ...] = (), disposable: bool = False
    ) -> None:
        self._lab = lab
        self._out = out
        self._workers = workers
        self._extra = extra
        self._disposable = disposable
        self._changing = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._interrupted = False

    def run(self, name: str, requirements: Sequence[str], options: Sequence[str] = ()) -> Mapping[str, Finding]:
        """The finding for each of the requirements; raises RunFailed or Interrupted."""
        out = self._out / name
        out.mkdir(parents=True, exist_ok=True)
        (out / FILE).unlink(missing_ok=True)
        argv = [sys.executable, "-m", "conformance", "run", "--lab", "--lab-name", self._lab, "--out", str(out)]
        argv += ["-n", self._workers] if self._workers else []
        argv += [*self._extra, *options]
        if rehearses(requirements):
            argv += ["--rehearse-upgrade"]
        for id in requirements:
            argv += ["--require", id]
        status = self._to_its_end(argv, out / LOG)
        if self._interrupted:
            raise Interrupted(name)
        try:
            report: dict[str, Any] = json.loads((out / FILE).read_text())
        except (OSError, ValueError) as error:
            raise RunFailed(f"run {name} left no results (status {status}); see {out / LOG}") from error
        if report.get("preflight"):
            raise RunFailed(f"run {name}: preflight failed: {report['preflight']}")
        return {each["id"]: _finding(each) for each in report["requirements"] if each["id"] in requirements}

    def interrupt(self) -> None:
        """End the run that is under way, and every later one at once. Returns when it has ended."""
        with self._changing:
            self._interrupted = True
            process = self._process
        if process is None:
            return
        if not self._disposable:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(ENDING_LIMIT)
        with suppress(ProcessLookupError):
            # Its own session, so its workers and their consoles go with it.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _to_its_end(self, argv: Sequence[str], log: Path) -> int:
        environment = {**os.environ, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"}
        with log.open("w") as file:
            with self._changing:
                if self._interrupted:
                    raise Interrupted(log.parent.name)
                # A session of its own, so that Ctrl-C reaches it once and by this process: it takes its objects away.
                self._process = process = subprocess.Popen(
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
                self.interrupt()
                raise
            finally:
                self._process = None


def _finding(requirement: Mapping[str, Any]) -> Finding:
    tests = requirement["tests"]
    reasons = tuple((test["nodeid"], Verdict(test["verdict"]), test["reason"]) for test in tests if test["reason"])
    return Finding(Verdict(requirement["verdict"]), reasons)
