"""What a run leaves of each test: the one stream that every writer reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from conformance.evidence.folder import Figure
from conformance.verdicts import Verdict

ALONE = "main"
"""The worker of a run without xdist."""


@dataclass(frozen=True)
class TestRecord:
    """One test that was run, or that a worker died of.

    ``evidence`` are paths below the output folder; ``reason`` is empty for a test that simply passed. ``exhibits`` are
    plain data as in report.json. ``started`` is UTC; None when its worker died before it could tell.
    """

    __test__ = False

    nodeid: str
    requirements: tuple[str, ...]
    verdict: Verdict
    reason: str = ""
    duration: float = 0.0
    figures: tuple[Figure, ...] = ()
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    exhibits: tuple[dict[str, Any], ...] = ()
    started: datetime | None = None
    worker: str = ALONE


@dataclass(frozen=True)
class Phase:
    """What one phase of a test (setup, call, teardown) adds; travels from worker to controller as plain data."""

    requirements: tuple[str, ...] = ()
    verdict: Verdict | None = None
    reason: str = ""
    figures: tuple[Figure, ...] = ()
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    exhibits: tuple[dict[str, Any], ...] = ()
    started: datetime | None = None
    worker: str = ALONE

    def to_plain(self) -> dict[str, Any]:
        """Plain data, for xdist."""
        return {
            "requirements": list(self.requirements),
            "verdict": self.verdict.value if self.verdict else None,
            "reason": self.reason,
            "figures": [[figure.name, figure.value, figure.unit] for figure in self.figures],
            "evidence": list(self.evidence),
            "notes": list(self.notes),
            "exhibits": list(self.exhibits),
            "started": self.started.isoformat() if self.started else None,
            "worker": self.worker,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Phase:
        """What :meth:`to_plain` gave."""
        return cls(
            requirements=tuple(plain["requirements"]),
            verdict=Verdict(plain["verdict"]) if plain["verdict"] else None,
            reason=plain["reason"],
            figures=tuple(Figure(*figure) for figure in plain["figures"]),
            evidence=tuple(plain["evidence"]),
            notes=tuple(plain["notes"]),
            exhibits=tuple(plain["exhibits"]),
            started=datetime.fromisoformat(plain["started"]) if plain["started"] else None,
            worker=plain["worker"],
        )


@dataclass
class Stream:
    """Puts phases together to records, in the order in which tests end."""

    records: list[TestRecord] = field(default_factory=list)
    _open: dict[str, TestRecord] = field(default_factory=dict)

    def add(self, nodeid: str, phase: Phase, seconds: float, last: bool) -> TestRecord | None:
        """Take one phase; the whole record when it was the last one."""
        record = self._open.pop(nodeid, None) or TestRecord(nodeid, phase.requirements, Verdict.PASSED)
        # The first verdict stands: what went wrong in clean-up after a failure is the lesser news, and is noted.
        worse = phase.verdict is not None and record.verdict in (Verdict.PASSED, Verdict.CONFIRMED)
        notes = record.notes + phase.notes
        if phase.verdict is not None and not worse:
            notes += (phase.reason,)
        record = replace(
            record,
            verdict=phase.verdict if worse and phase.verdict else record.verdict,
            reason=phase.reason if worse else record.reason,
            duration=record.duration + seconds,
            figures=record.figures + phase.figures,
            evidence=record.evidence + phase.evidence,
            notes=notes,
            exhibits=record.exhibits + phase.exhibits,
            started=record.started or phase.started,
            worker=phase.worker,
        )
        if not last:
            self._open[nodeid] = record
            return None
        # A test that kills its worker may be handed to the next one: it is one test all the same.
        self.records = [other for other in self.records if other.nodeid != nodeid]
        self.records.append(record)
        return record

    def unfinished(self) -> list[TestRecord]:
        """Tests that began and did not end."""
        return list(self._open.values())
