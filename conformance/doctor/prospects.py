"""What a run can find out about each requirement, from the features of a cluster alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from conformance.catalog.index import Index, SuiteTest
from conformance.catalog.model import Catalog, Level, Requirement
from conformance.features.model import Feature, FeatureSet
from conformance.options import Selection


class Outlook(StrEnum):
    """What can be said of a requirement before a run."""

    VERIFIABLE = "verifiable"
    NOT_APPLICABLE = "not applicable"
    NOT_COVERED = "not covered"


@dataclass(frozen=True)
class Prospect:
    """One requirement; ``missing`` is the feature for want of which it cannot be verified."""

    requirement: Requirement
    outlook: Outlook
    tests: tuple[SuiteTest, ...] = ()
    missing: Feature | None = None

    @property
    def reason(self) -> str:
        """Why it cannot be verified; empty where it can."""
        if self.outlook is Outlook.NOT_COVERED:
            return "no test verifies it yet"
        return f"{self.missing.name}: {self.missing.evidence}" if self.missing else ""


def prospects(catalog: Catalog, index: Index, features: FeatureSet, selection: Selection) -> list[Prospect]:
    """The requirements that were asked for, in the catalogue's order.

    As in a run, a test needs all that any of its requirements needs, and one test that cannot be run leaves its
    requirements unverified.
    """
    return [_one(each, catalog, index, features) for each in catalog if selection.takes(each.id)]


def _one(requirement: Requirement, catalog: Catalog, index: Index, features: FeatureSet) -> Prospect:
    tests = tuple(index.of(requirement.id))
    if not tests:
        return Prospect(requirement, Outlook.NOT_COVERED)
    needs = dict.fromkeys(need for test in tests for id in test.ids for need in catalog[id].needs)
    missing = features.missing(needs)
    outlook = Outlook.VERIFIABLE if missing is None else Outlook.NOT_APPLICABLE
    return Prospect(requirement, outlook, tests, missing)


def missing_core(prospects: Iterable[Prospect], features: FeatureSet) -> list[Feature]:
    """The features that are absent, or not known to be there, and that core requirements with tests need."""
    needs = [
        need
        for each in prospects
        if each.requirement.level is Level.CORE and each.outlook is not Outlook.NOT_COVERED
        for need in each.requirement.needs
    ]
    return [features[need] for need in dict.fromkeys(needs) if not features.has(need)]
