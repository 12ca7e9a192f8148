"""What a report says twice must be the same both times: counts, lists and verdicts against the requirements' own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from conformance.results.implementation import implementation
from conformance.results.run import Environment
from conformance.verdicts import ALARMING, CONCLUSIVE, Verdict, meant, overall, worst

Entry = Mapping[str, Any]
_PREFLIGHT, _INTERRUPTED = 10, 2
_WITH_REASON = ALARMING | {Verdict.NOT_APPLICABLE, Verdict.EXCLUDED}


def contradictions(document: Entry) -> list[str]:
    """One line for each; a report that follows the schema is expected."""
    return [
        *_ids(document),
        *_totals(document),
        *_profiles(document),
        *_verdicts(document),
        *_limitations(document),
        *_implementation(document),
        *_ending(document),
    ]


def _ids(document: Entry) -> Iterator[str]:
    for what, names in (
        ("requirement", [each["id"] for each in document["requirements"]]),
        ("profile", [each["name"] for each in document["profiles"]]),
        ("feature", [each["name"] for each in document["features"]]),
    ):
        yield from (f"{what} {name} stands there {count} times" for name, count in Counter(names).items() if count > 1)
    profiles = {each["name"] for each in document["profiles"]}
    for each in document["requirements"]:
        if _profile(each) not in profiles:
            yield f"requirement {each['id']} belongs to no profile of the report"


def _totals(document: Entry) -> Iterator[str]:
    requirements = document["requirements"]
    yield from _counted("statistics", document["statistics"], requirements)
    bare = [each["id"] for each in requirements if each["verdict"] == Verdict.NOT_COVERED]
    if sorted(document["notCovered"]) != sorted(bare):
        yield f"notCovered lists {len(document['notCovered'])} requirements, {len(bare)} have that verdict"
    covered = [each for each in requirements if each["verdict"] != Verdict.NOT_COVERED]
    result = "failure" if document["preflight"] else _result(covered)
    if document["result"] != result:
        yield f"result is {document['result']!r}, by the requirements it is {result!r}"


def _profiles(document: Entry) -> Iterator[str]:
    for profile in document["profiles"]:
        for level in ("core", "extended"):
            told = profile[level]
            own = [
                each
                for each in document["requirements"]
                if _profile(each) == profile["name"] and each["level"] == level
            ]
            name = f"profile {profile['name']}, {level}"
            yield from _counted(f"{name}: statistics", told["statistics"], own)
            if told["result"] != _result(own):
                yield f"{name}: result is {told['result']!r}, by the requirements it is {_result(own)!r}"
            for field, verdicts in (
                ("failedRequirements", (Verdict.FAILED, Verdict.LIFTED)),
                ("blockedRequirements", (Verdict.BLOCKED,)),
                ("notApplicableRequirements", (Verdict.NOT_APPLICABLE,)),
            ):
                ids = [each["id"] for each in own if each["verdict"] in verdicts]
                if sorted(told[field]) != sorted(ids):
                    yield f"{name}: {field} are {told[field]}, by the requirements {ids}"


def _verdicts(document: Entry) -> Iterator[str]:
    features = {each["name"]: each for each in document["features"]}
    for each in document["requirements"]:
        id, verdict, limitation = each["id"], Verdict(each["verdict"]), each["kind"] == "limitation"
        own = (Verdict.CONFIRMED, Verdict.LIFTED) if limitation else (Verdict.PASSED,)
        if verdict in (Verdict.CONFIRMED, Verdict.LIFTED, Verdict.PASSED) and verdict not in own:
            yield f"{id} is {verdict}, but a requirement of kind {each['kind']} cannot be"
        if verdict in _WITH_REASON and not each["reason"].strip():
            yield f"{id} is {verdict} without a reason"
        yield from _against_tests(id, verdict, [meant(Verdict(test["verdict"]), limitation) for test in each["tests"]])
        if verdict is Verdict.NOT_COVERED and each["coveredBy"]:
            yield f"{id} is not covered, but {each['coveredBy'][0]} verifies it"
        feature = features.get(each["reason"].partition(":")[0]) if verdict is Verdict.NOT_APPLICABLE else None
        if feature is not None and feature["present"] is True:
            yield f"{id} is not applicable for want of {feature['name']}, which the cluster has: {feature['evidence']}"


def _limitations(document: Entry) -> Iterator[str]:
    for verdict in (Verdict.CONFIRMED, Verdict.LIFTED):
        told = document["limitations"][verdict]
        ids = [each["id"] for each in document["requirements"] if each["verdict"] == verdict]
        if sorted(told) != sorted(ids):
            yield f"limitations: {verdict} are {told}, by the requirements {ids}"


def _implementation(document: Entry) -> Iterator[str]:
    told = document["implementation"]
    if told != implementation(Environment(document["environment"]["kind"], versions=document["versions"])):
        yield f"implementation is {told['name']} {told['version']}: environment and versions tell something else"


def _against_tests(id: str, verdict: Verdict, tests: Sequence[Verdict]) -> Iterator[str]:
    if not tests:
        if verdict in CONCLUSIVE or verdict is Verdict.NOT_APPLICABLE:
            yield f"{id} is {verdict}, but no test of it ran"
        return
    found = worst(tests)
    # What did not run may make it worse than its tests are, by being blocked; nothing makes it better.
    if verdict is not found and not (verdict is Verdict.BLOCKED and worst((verdict, found)) is verdict):
        yield f"{id} is {verdict}, but its tests say {found}"


def _ending(document: Entry) -> Iterator[str]:
    status, verdicts = document["exitStatus"], [each["verdict"] for each in document["requirements"]]
    red = sum(verdict in (Verdict.FAILED, Verdict.BLOCKED) for verdict in verdicts)
    if status == 0 and red:
        yield f"exitStatus is 0, but {red} requirements failed or were blocked"
    if status == 0 and not any(verdict in CONCLUSIVE for verdict in verdicts):
        yield "exitStatus is 0, but nothing was found out"
    if bool(document["preflight"]) is not (status == _PREFLIGHT):
        yield f"exitStatus is {status}, preflight is {document['preflight']!r}"
    if document["interrupted"] and status != _INTERRUPTED:
        yield f"the run was interrupted, but exitStatus is {status}"


def _counted(name: str, told: Mapping[str, int], entries: Iterable[Entry]) -> Iterator[str]:
    counts = Counter(each["verdict"] for each in entries)
    for verdict in Verdict:
        if told[verdict] != counts[verdict]:
            yield f"{name}: {told[verdict]} {verdict}, by the requirements {counts[verdict]}"


def _result(entries: Iterable[Entry]) -> str:
    return overall(Verdict(each["verdict"]) for each in entries)


def _profile(requirement: Entry) -> str:
    return str(requirement["id"]).partition("/")[0]
