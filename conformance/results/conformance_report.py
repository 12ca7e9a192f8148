"""report.json: the whole run as data. Its JSON Schema is ``reports/conformance-report.schema.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from conformance.catalog.model import Catalog, Kind, Level, Profile
from conformance.evidence.exhibits import moment
from conformance.evidence.folder import Figure
from conformance.evidence.redaction import REDACTOR
from conformance.features.model import FeatureSet
from conformance.results.files import write
from conformance.results.implementation import implementation
from conformance.results.records import TestRecord
from conformance.results.requirements import Judged, of_level, result, statistics
from conformance.results.run import Run
from conformance.verdicts import Verdict

API_VERSION = "udn-conformance/v1alpha1"
KIND = "ConformanceReport"
FILE = "report.json"


def build(catalog: Catalog, run: Run, judged: Sequence[Judged]) -> dict[str, Any]:
    """The report as plain data, without secrets."""
    covered = [each for each in judged if each.verdict is not Verdict.NOT_COVERED]
    limitations = [each for each in judged if each.requirement.kind is Kind.LIMITATION]
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "runId": run.id,
        "date": run.started.isoformat(timespec="seconds"),
        "duration": round(run.seconds, 3),
        "environment": _environment(run),
        "implementation": implementation(run.environment),
        "versions": dict(run.environment.versions),
        "features": run.environment.features.to_list(),
        "result": "failure" if run.ending.preflight else result(covered),
        "exitStatus": run.ending.exit_status,
        "interrupted": run.ending.interrupted,
        "preflight": run.ending.preflight,
        "statistics": _counts(judged),
        "profiles": [_profile(profile, judged, run.environment.features) for profile in catalog.profiles],
        "requirements": [_requirement(each, catalog) for each in judged],
        "limitations": {
            "confirmed": _ids(limitations, Verdict.CONFIRMED),
            "lifted": _ids(limitations, Verdict.LIFTED),
        },
        "notCovered": _ids(judged, Verdict.NOT_COVERED),
        "rerun": list(run.rerun),
    }
    redacted: dict[str, Any] = REDACTOR.object(document)
    return redacted


def save(document: dict[str, Any], out: Path) -> Path:
    """Write it below ``out``; raises OSError."""
    file = out / FILE
    write(file, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return file


def _environment(run: Run) -> dict[str, Any]:
    environment = run.environment
    return {
        "kind": environment.kind,
        "statement": environment.statement,
        "server": environment.server,
        "context": environment.context,
    }


def _counts(judged: Iterable[Judged]) -> dict[str, int]:
    return {verdict.value: count for verdict, count in statistics(judged).items()}


def _profile(profile: Profile, judged: Iterable[Judged], features: FeatureSet) -> dict[str, Any]:
    own = [each for each in judged if each.requirement.profile == profile.name]
    needed = sorted({name for each in own for name in each.requirement.needs})
    return {
        "name": profile.name,
        "title": profile.title,
        "core": _level(of_level(own, Level.CORE)),
        "extended": _level(of_level(own, Level.EXTENDED))
        | {
            "supportedFeatures": [name for name in needed if features.has(name)],
            "unsupportedFeatures": [name for name in needed if not features.has(name)],
        },
    }


def _level(judged: list[Judged]) -> dict[str, Any]:
    return {
        "result": result(judged),
        "statistics": _counts(judged),
        "failedRequirements": _ids(judged, Verdict.FAILED) + _ids(judged, Verdict.LIFTED),
        "blockedRequirements": _ids(judged, Verdict.BLOCKED),
        "notApplicableRequirements": _ids(judged, Verdict.NOT_APPLICABLE),
    }


def _ids(judged: Iterable[Judged], verdict: Verdict) -> list[str]:
    return [each.requirement.id for each in judged if each.verdict is verdict]


def _requirement(judged: Judged, catalog: Catalog) -> dict[str, Any]:
    requirement = judged.requirement
    return {
        "id": requirement.id,
        "says": requirement.says,
        "kind": requirement.kind.value,
        "level": requirement.level.value,
        "source": [
            {
                "document": source.document,
                "title": catalog.documents.get(source.document, ""),
                "section": source.section,
            }
            for source in requirement.source
        ],
        "needs": list(requirement.needs),
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "duration": round(judged.duration, 3),
        "tests": [_test(record) for record in judged.records],
        "coveredBy": [test.nodeid for test in judged.tests],
        "figures": [_figure(figure) for record in judged.records for figure in record.figures],
    }


def _test(record: TestRecord) -> dict[str, Any]:
    return {
        "nodeid": record.nodeid,
        "verdict": record.verdict.value,
        "reason": record.reason,
        "started": moment(record.started) if record.started else None,
        "duration": round(record.duration, 3),
        "worker": record.worker,
        "evidence": list(record.evidence),
        "notes": list(record.notes),
        "exhibits": list(record.exhibits),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {"name": figure.name, "value": figure.value, "unit": figure.unit}
