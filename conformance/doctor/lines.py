"""A diagnosis as lines of text: the same for ``doctor`` and at the start of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from conformance.doctor.diagnosis import Diagnosis
from conformance.doctor.prospects import Outlook, Prospect
from conformance.features.model import Feature
from conformance.features.versions import COMPONENTS

_WIDTH = 24
_NAMED = 4  # requirements; a cluster without KubeVirt has many that cannot be verified
_ANSWERS = {True: "yes", False: "no", None: "?"}
_FINE = {True: "ok", False: "LOOK", None: "?"}


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Versions, features, checks, what can be verified by profile, and why the rest cannot."""
    yield "versions"
    yield from (_row(name, "", diagnosis.versions.get(name, "not found")) for name in _components(diagnosis))
    yield "features"
    yield from (_row(each.name, _ANSWERS[each.present], each.evidence) for each in diagnosis.features)
    yield "checks"
    yield from (_row(each.name, _FINE[each.ok], each.evidence) for each in diagnosis.checks)
    yield from _profiles(diagnosis.prospects)
    yield from _missing(diagnosis.prospects)
    yield f"duration: {diagnosis.estimate}"


def requirements(prospects: Iterable[Prospect]) -> Iterator[str]:
    """One line a requirement, with why it cannot be verified."""
    for each in prospects:
        yield f"  {each.requirement.id:<56} {each.outlook.value}" + (f": {each.reason}" if each.reason else "")


def _components(diagnosis: Diagnosis) -> list[str]:
    return list(dict.fromkeys([*COMPONENTS, *diagnosis.versions]))


def _row(name: str, answer: str, says: str) -> str:
    return f"  {name:<{_WIDTH}} {answer:<4} {says}".rstrip() if answer else f"  {name:<{_WIDTH}} {says}"


def _profiles(prospects: Sequence[Prospect]) -> Iterator[str]:
    head = [outlook.value for outlook in Outlook]
    yield "requirements".ljust(_WIDTH + 2) + "".join(f"  {column}" for column in head)
    counted = Counter((each.requirement.profile, each.outlook) for each in prospects)
    names = list(dict.fromkeys(each.requirement.profile for each in prospects))
    for name in names:
        yield _counts(f"  {name}", [counted[name, outlook] for outlook in Outlook])
    if len(names) != 1:
        yield _counts("  all", [sum(each.outlook is outlook for each in prospects) for outlook in Outlook])


def _counts(name: str, counts: Iterable[int]) -> str:
    columns = zip(counts, Outlook, strict=True)
    return name.ljust(_WIDTH + 2) + "".join(f"  {count or '·':>{len(outlook.value)}}" for count, outlook in columns)


def _missing(prospects: Iterable[Prospect]) -> Iterator[str]:
    wanting: dict[Feature, list[str]] = {}
    for each in prospects:
        if each.missing is not None:
            wanting.setdefault(each.missing, []).append(each.requirement.id)
    if wanting:
        yield "not applicable here"
    for feature, ids in wanting.items():
        more = f" and {len(ids) - _NAMED} more (doctor --requirements)" if len(ids) > _NAMED else ""
        yield f"  for want of {feature.name}: {', '.join(ids[:_NAMED])}{more}"
