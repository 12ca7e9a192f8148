"""A run of the whole catalogue that shows much: for the size of its report, and the time that it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

from conformance.catalog.index import Index, SuiteTest
from conformance.catalog.loader import catalog
from conformance.catalog.model import Kind
from conformance.evidence.exhibits import End, MatrixExhibit, MigrationExhibit, StreamExhibit
from conformance.evidence.exhibits import Path as TriedPath
from conformance.evidence.folder import Figure
from conformance.results import conformance_report
from conformance.results.records import TestRecord
from conformance.results.requirements import judge_all
from conformance.results.run import Ending, Environment, Plan, Run
from conformance.verdicts import Verdict

BEGAN = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
SECONDS = 20.0
WRONG = 10
"""Every so many requirements fail."""
MOVED = 4
"""Every so many tests have a migration."""

_ENDS = tuple(
    End(f"udn-abc123-0-1-red/vm-{name}", f"10.0.0.{n}", f"worker-{n % 2 + 1}") for n, name in enumerate("abcd")
)
_PHASES = ("created", "Pending", "Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running", "Succeeded")


def red_run() -> Run:
    """Each requirement has a test, each test a matrix of 36 paths; some have a migration with a session over it."""
    ids = catalog().ids
    tests = [SuiteTest(f"{id.partition('/')[0]}.py", 1, f"test_{id.partition('/')[2]}", (id,)) for id in ids]
    records = tuple(_record(number, test) for number, test in enumerate(tests))
    seconds = SECONDS * len(tests) / 2
    environment = Environment("cluster", "https://api.example:6443", None, versions={"kubernetes": "v1.33.0"})
    plan = Plan(frozenset(test.nodeid for test in tests))
    return Run("abc123", BEGAN, seconds, environment, plan, Index(Path("."), tests), records, (), Ending(1))


def green_run() -> Run:
    """The same with nothing amiss."""
    run = red_run()
    records = tuple(
        replace(each, verdict=Verdict.PASSED, reason="", exhibits=_exhibits(number, False))
        for number, each in enumerate(run.records)
    )
    return replace(run, records=records, ending=Ending(0))


def report(run: Run) -> dict[str, Any]:
    """Its report.json."""
    return conformance_report.build(catalog(), run, judge_all(catalog(), run))


def _record(number: int, test: SuiteTest) -> TestRecord:
    wrong = number % WRONG == 0
    limitation = catalog()[test.ids[0]].kind is Kind.LIMITATION
    verdict = (Verdict.LIFTED if limitation else Verdict.FAILED) if wrong else Verdict.PASSED
    ends = "udp udn-abc123-0-1-red/vm-a (10.0.0.0, worker-1) -> udn-abc123-0-1-red/vm-b (10.0.0.1:5000, worker-2)"
    return TestRecord(
        nodeid=test.nodeid,
        requirements=test.ids,
        verdict=verdict,
        reason=f"with a policy: {ends}: not reached: no answer ({number})" if wrong else "",
        duration=SECONDS,
        figures=(Figure("live migration", 12.5, "s"), Figure("longest silence", 0.7, "s")),
        evidence=tuple(f"evidence/{test.name}/{file:02}-file.yaml" for file in range(25)),
        exhibits=_exhibits(number, wrong),
        started=BEGAN + timedelta(seconds=SECONDS * (number // 2)),
        worker=f"gw{number % 2}",
    )


def _exhibits(number: int, wrong: bool) -> tuple[dict[str, Any], ...]:
    return (_matrix("with a policy", wrong), *((_migration(), _stream()) if number % MOVED == 0 else ()))


def _matrix(title: str, wrong: bool) -> dict[str, Any]:
    paths = [
        TriedPath(client, server, protocol, port, "reached", _seen(client, server, protocol, wrong), "answered")
        for client, server in permutations(_ENDS, 2)
        for protocol, port in (("icmp", None), ("tcp", 5000), ("udp", 5000))
    ]
    return MatrixExhibit(title, BEGAN, tuple(paths)).to_plain()


def _seen(client: End, server: End, protocol: str, wrong: bool) -> str:
    return "blocked" if wrong and protocol == "udp" and client.node != server.node else "reached"


def _migration() -> dict[str, Any]:
    phases = tuple((phase, BEGAN + timedelta(seconds=2 * number)) for number, phase in enumerate(_PHASES))
    ended = BEGAN + timedelta(seconds=15)
    return MigrationExhibit(_ENDS[0].name, "worker-1", "worker-2", BEGAN, ended, phases, "").to_plain()


def _stream() -> dict[str, Any]:
    times = tuple(number / 20 for number in range(400) if not 200 <= number < 214)
    return StreamExhibit("tcp a -> b", _ENDS[1].name, BEGAN, 0.1, 20.0, times, ()).to_plain()
