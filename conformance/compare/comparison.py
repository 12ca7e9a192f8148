"""Two reports, compared: as an object, and as plain data for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from conformance.compare.changes import Change, Trend, changes
from conformance.compare.environments import notices
from conformance.compare.figures import Movement, movements
from conformance.compare.reading import Report


@dataclass(frozen=True)
class Comparison:
    """What is different in ``after``."""

    before: Report
    after: Report
    notices: tuple[str, ...]
    changes: tuple[Change, ...]
    movements: tuple[Movement, ...]

    def of(self, trend: Trend) -> list[Change]:
        """The requirements that went that way."""
        return [change for change in self.changes if change.trend is trend]

    @property
    def regressions(self) -> list[Change]:
        """The requirements for which ``after`` is the worse report."""
        return [change for change in self.changes if change.regression]

    @property
    def verdict(self) -> str:
        """One line: whether something got worse, and how many requirements went which way."""
        counts = Counter(change.trend for change in self.changes)
        went = ", ".join(f"{counts[trend]} {trend}" for trend in Trend if counts[trend])
        found = len(self.regressions)
        head = f"{found} regression{'s' if found > 1 else ''}" if found else "no regression"
        return f"{head}; {len(self.changes)} requirements: {went}"

    def data(self) -> dict[str, Any]:
        """For programs: all that is told, unchanged requirements left out."""
        return {
            "before": _origin(self.before),
            "after": _origin(self.after),
            "notices": list(self.notices),
            "regression": bool(self.regressions),
            "changes": [
                {
                    "id": change.id,
                    "trend": change.trend.value,
                    "regression": change.regression,
                    "before": change.before,
                    "after": change.after,
                    "reason": change.reason,
                }
                for change in self.changes
                if change.trend is not Trend.SAME
            ],
            "figures": [_figure(movement) for movement in self.movements],
        }


def compare(before: Report, after: Report) -> Comparison:
    """What is different in ``after``."""
    return Comparison(
        before,
        after,
        tuple(notices(before, after)),
        tuple(changes(before, after)),
        tuple(movements(before, after)),
    )


def _origin(report: Report) -> dict[str, Any]:
    document = report.document
    return {
        "file": report.name,
        "runId": document["runId"],
        "date": document["date"],
        "environment": report.environment,
        "versions": dict(report.versions),
    }


def _figure(movement: Movement) -> dict[str, Any]:
    return {
        "name": movement.name,
        "unit": movement.unit,
        "before": {"median": movement.before.middle, "samples": len(movement.before.values)},
        "after": {"median": movement.after.middle, "samples": len(movement.after.values)},
        "spread": round(movement.spread, 6) if movement.judged else None,
        "moved": movement.moved if movement.judged else None,
    }
