"""All that is known of a cluster before a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.catalog.index import Index
from conformance.catalog.model import Catalog
from conformance.doctor.checks import Check, checks
from conformance.doctor.duration import Estimate, estimate
from conformance.doctor.prospects import Outlook, Prospect, missing_core, prospects
from conformance.evidence.redaction import REDACTOR
from conformance.features.detect import detect
from conformance.features.model import Feature, FeatureSet
from conformance.features.sight import Sight
from conformance.features.versions import versions
from conformance.options import Selection


@dataclass(frozen=True)
class Diagnosis:
    """One cluster, and what a run on it can find out."""

    server: str
    versions: Mapping[str, str]
    features: FeatureSet
    checks: tuple[Check, ...]
    prospects: tuple[Prospect, ...]

    @property
    def estimate(self) -> Estimate:
        """What a run of the tests that can be run takes, roughly."""
        verifiable = [each for each in self.prospects if each.outlook is Outlook.VERIFIABLE]
        return estimate(test.nodeid for each in verifiable for test in each.tests)

    @property
    def missing_core(self) -> list[Feature]:
        """Features that core requirements need and that are not there for certain."""
        return missing_core(self.prospects, self.features)

    @property
    def not_strictly_fit(self) -> str | None:
        """Why ``--strict`` refuses this cluster, in one line."""
        if not self.missing_core:
            return None
        missing = "; ".join(f"{feature.name} ({feature.evidence})" for feature in self.missing_core)
        return f"--strict: core requirements need what is missing: {missing}"

    @property
    def hopeless(self) -> bool:
        """Whether nothing that was asked for can be verified."""
        return not any(each.outlook is Outlook.VERIFIABLE for each in self.prospects)

    def to_plain(self) -> dict[str, Any]:
        """For JSON, without secrets."""
        document = {
            "server": self.server,
            "versions": dict(self.versions),
            "features": self.features.to_list(),
            "missingCoreFeatures": [feature.name for feature in self.missing_core],
            "checks": [asdict(check) for check in self.checks],
            "estimate": asdict(self.estimate),
            "requirements": [_requirement(each) for each in self.prospects],
        }
        redacted: dict[str, Any] = REDACTOR.object(document)
        return redacted


def diagnose(sight: Sight, catalog: Catalog, index: Index, selection: Selection, said: Mapping[str, bool]) -> Diagnosis:
    """Look at a cluster that answers; ``said`` are the features that the user speaks for. Creates nothing.

    What the API refuses is told in the evidence of whatever it was needed for.
    """
    features = detect(sight).with_overrides(said)
    return Diagnosis(
        server=sight.api.server,
        versions=versions(sight, features),
        features=features,
        checks=tuple(checks(sight)),
        prospects=tuple(prospects(catalog, index, features, selection)),
    )


def _requirement(prospect: Prospect) -> dict[str, Any]:
    return {
        "id": prospect.requirement.id,
        "level": prospect.requirement.level.value,
        "outlook": prospect.outlook.value,
        "reason": prospect.reason,
        "missingFeature": prospect.missing.name if prospect.missing else None,
        "tests": [test.nodeid for test in prospect.tests],
    }
