"""``udn-conformance upgrade prepare|watch``; ``verify`` is a run of the profile ``upgrade``, and then its removal."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from conformance.evidence.redaction import REDACTOR
from conformance.results.conformance_report import FILE as REPORT
from conformance.upgrade import watch_report
from conformance.upgrade.after import After
from conformance.upgrade.making import FAILED, Refusal, discard, make, refusing
from conformance.upgrade.names import run_id
from conformance.upgrade.place import Place, connect, parser
from conformance.upgrade.store import Store
from conformance.upgrade.watching import Watch
from conformance.verdicts import Verdict

__all__ = ["Refusal", "prepare", "verify", "watch"]

PREPARE = "0 the baseline is there · 1 the cluster is not sound · 4 wrong use, or the name is taken · 10 no cluster"
WATCH = (
    "0 no silence above the limit · 1 one at least, or a session broke · 4 wrong use, or no baseline · 10 no cluster"
)
VERIFY = "that of the run · 1 something is not as it was, or not known; the baseline is kept then · 4 no baseline"
PROFILE, FEATURE = "upgrade", "upgrade-baseline"


@refusing()
def prepare(arguments: Sequence[str]) -> int:
    """Make a baseline; gives the exit status. Raises Refusal."""
    about = "Leave VMs, networks, sessions and a record of them in the cluster."
    values = parser("prepare", about, PREPARE).parse_args(arguments)
    place = connect(values)
    _tell(str(make(values.name, place, _tell)))
    return 0


@refusing()
def watch(arguments: Sequence[str]) -> int:
    """Watch a baseline's sessions until SIGINT or SIGTERM; gives the exit status. Raises Refusal."""
    values = parser("watch", "Look at the sessions of a baseline until Ctrl-C.", WATCH).parse_args(arguments)
    place = connect(values)
    after = After.of(place.cluster, values.name)
    stop = threading.Event()
    _until_told(stop)
    watching = Watch(after, place.run.limits.upgrade_silence, _tell, stop)
    _tell(f"watching {after.baseline}; Ctrl-C ends it, the sessions go on")
    watching.run(lambda seen: _save(seen, place))
    for line in watch_report.summary(watching):
        _tell(line)
    wrong = list(watch_report.findings(watching))
    for line in wrong:
        _tell(f"! {line}")
    _tell(f"wrote {place.run.out / watch_report.FILE}")
    return 1 if wrong else 0


@refusing()
def verify(arguments: Sequence[str], run_suites: Callable[[list[str]], int]) -> int:
    """Run the profile on a baseline, and remove what was prepared if all of it held; gives the run's exit status.

    ``run_suites`` runs them with such options. Raises Refusal.
    """
    about = "Verify a baseline, and remove it when all of it held; takes every option of `udn-conformance run`."
    values, _ = parser("verify", about, VERIFY).parse_known_args(arguments)
    place = connect(values)
    baseline = Store(place.cluster.api).only(values.name)
    report = place.run.out / REPORT
    status = run_suites(["--profile", PROFILE, "--baseline", baseline.name, *_without_name(arguments)])
    doubtful = [] if status else not_verified(report)
    for line in (*changed_versions(baseline.versions, report), *doubtful):
        _tell(line)
    if status or doubtful or "--keep" in arguments:
        _tell(f"{baseline} is kept; remove it: udn-conformance clean --run-id {run_id(baseline.name)}")
        return status or (FAILED if doubtful else 0)
    for line in discard(place.cluster.api, baseline.name):
        _tell(line)
    _tell(f"removed {baseline}")
    return 0


def changed_versions(then: Mapping[str, str], report: Path) -> list[str]:
    """A line for each version that is not what it was; nothing of a report that cannot be read."""
    try:
        now = json.loads(report.read_text(encoding="utf-8"))["versions"]
    except (OSError, ValueError, KeyError):
        return []
    changed = [
        f"{name} was {then[name]}, is {now.get(name, 'not told')}" for name in then if now.get(name) != then[name]
    ]
    return changed or ["no version is another than when the baseline was made: has the cluster been upgraded?"]


def not_verified(report: Path) -> list[str]:
    """A line for each requirement on a baseline that the run of a report did not find to hold."""
    try:
        entries = json.loads(report.read_text(encoding="utf-8"))["requirements"]
    except (OSError, ValueError, KeyError) as error:
        return [f"{report} cannot be read: {error}"]
    own = [each for each in entries if FEATURE in each["needs"]]
    if not own:
        return [f"{report} says nothing of a baseline"]
    return [f"{each['id']}: {each['verdict']}: {each['reason']}" for each in own if each["verdict"] != Verdict.PASSED]


def _without_name(arguments: Sequence[str]) -> list[str]:
    """The options of a run among those of ``verify``."""
    only = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    only.add_argument("--name")
    return only.parse_known_args(list(arguments))[1]


def _save(seen: Watch, place: Place) -> None:
    try:
        watch_report.save(seen, place.run.out)
    except OSError as error:
        _tell(f"{place.run.out / watch_report.FILE} could not be written: {error.strerror}")


def _until_told(stop: threading.Event) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def _tell(line: str) -> None:
    print(REDACTOR.text(line), file=sys.stderr, flush=True)
