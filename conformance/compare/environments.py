"""What is to be known of two reports before their differences are read: where, of what and when they were made."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.compare.reading import Report

_ANSWERS = {True: "yes", False: "no", None: "not known"}


def notices(before: Report, after: Report) -> list[str]:
    """One line for each difference, the gravest first."""
    return [*_places(before, after), *_whole(before, after), *_versions(before, after), *_features(before, after)]


def _places(before: Report, after: Report) -> Iterator[str]:
    if before.environment != after.environment:
        yield (
            f"LAB AGAINST CLUSTER: {before.name} is of the {before.environment}, "
            f"{after.name} of the {after.environment}; "
            "the lab proves the suite, not OVN-Kubernetes, so this compares no before with an after"
        )
    elif before.environment == "lab":
        yield "both reports are of the lab: they compare the suite, not OVN-Kubernetes"
    servers = [report.document["environment"]["server"] for report in (before, after)]
    if servers[0] != servers[1] and before.environment == after.environment == "cluster":
        yield f"different clusters: {servers[0]} and {servers[1]}"
    if before.document["runId"] == after.document["runId"]:
        yield f"both reports are of one run, {before.document['runId']}"
    if before.date > after.date:
        yield f"{after.name} is the older report: {after.date.isoformat()} against {before.date.isoformat()}"


def _whole(before: Report, after: Report) -> Iterator[str]:
    for report in (before, after):
        if report.document["preflight"]:
            yield f"{report.name}: no test was begun: {report.document['preflight']}"
        if report.document["interrupted"]:
            yield f"{report.name}: the run was interrupted"


def _versions(before: Report, after: Report) -> Iterator[str]:
    for name in sorted({*before.versions, *after.versions}):
        old, new = before.versions.get(name, "not told"), after.versions.get(name, "not told")
        if old != new:
            yield f"version of {name}: {old} -> {new}"


def _features(before: Report, after: Report) -> Iterator[str]:
    for name in sorted({*before.features, *after.features}):
        sides = [report.features.get(name) for report in (before, after)]
        old, new = (_ANSWERS[side["present"]] if side else "not looked for" for side in sides)
        if old != new:
            evidence = f" ({sides[1]['evidence']})" if sides[1] else ""
            yield f"feature {name}: {old} -> {new}{evidence}"
