"""What a diagnosis looks like, to the letter; ``UDN_WRITE_GOLDEN=1`` writes the golden file anew."""

from __future__ import annotations

import os
from pathlib import Path

from conformance.catalog.index import Index, SuiteTest
from conformance.catalog.loader import load
from conformance.doctor.checks import Check
from conformance.doctor.diagnosis import Diagnosis
from conformance.doctor.lines import lines, requirements
from conformance.doctor.prospects import Outlook, missing_core, prospects
from conformance.features.model import Feature, FeatureSet
from conformance.options import Selection

GOLDEN = Path(__file__).parent / "golden" / "doctor.txt"
SAMPLE = Path(__file__).parents[1] / "results" / "catalog"
FEATURES = FeatureSet(
    [
        Feature("kubevirt", True, "KubeVirt v1.6.0 is Available"),
        Feature("passt", False, "the gate is off"),
        Feature("jumbo-frames", None, "the API does not tell"),
    ]
)


def sample() -> Diagnosis:
    """A cluster without passt, and a catalogue one of whose requirements needs it."""
    catalog = load(SAMPLE)
    tests = [SuiteTest("test_all.py", 1, "test_all", tuple(id for id in catalog.ids if id.endswith("good")))]
    tests += [SuiteTest("test_all.py", 9, "test_absent", ("sample/absent",))]
    found = prospects(catalog, Index(Path("."), tests), FEATURES, Selection())
    checks = (
        Check("rights", False, "the user lacks 1 of 2 rights"),
        Check("masquerade-subnet", None, "it was not found"),
        Check("overlapping-subnets", True, "none"),
    )
    return Diagnosis("https://x:6443", {"kubernetes": "v1.33.0"}, FEATURES, checks, tuple(found))


def test_the_lines() -> None:
    found = sample()
    *told, last = lines(found)
    assert last.startswith("duration: ")  # by what was recorded last: not for a golden file
    text = "\n".join([*told, *requirements(found.prospects)]) + "\n"
    if os.environ.get("UDN_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "UDN_WRITE_GOLDEN=1 accepts it"


def test_a_test_that_cannot_be_run_leaves_all_its_requirements_unverified() -> None:
    catalog = load(SAMPLE)
    both = SuiteTest("test_all.py", 1, "test_both", ("sample/good", "sample/absent"))
    alone = SuiteTest("test_all.py", 9, "test_good", ("sample/good",))
    found = prospects(catalog, Index(Path("."), [both, alone]), FEATURES, Selection(patterns=("sample/good",)))
    assert [(each.outlook, each.missing.name if each.missing else "") for each in found] == [
        (Outlook.NOT_APPLICABLE, "passt")
    ]


def test_a_feature_that_only_extended_requirements_need_is_not_core() -> None:
    found = sample()
    assert "passt" in {need for each in found.prospects for need in each.requirement.needs}
    assert [feature.name for feature in missing_core(found.prospects, FeatureSet())] == ["kubevirt"]
