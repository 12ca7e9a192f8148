"""A report that was cut off, changed, or is somebody else's, is refused in one line; a sound one is not."""

from __future__ import annotations

import copy
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.catalog.loader import catalog
from conformance.catalog.model import Catalog
from conformance.compare import BadReport, read
from conformance.compare.consistency import contradictions
from conformance.verdicts import Verdict
from tests.compare.conftest import BEHAVIOURS, LIMITATIONS, Document, Reports, document

NAMES = (*BEHAVIOURS, *LIMITATIONS)
OF_BEHAVIOURS = [each for each in Verdict if each not in (Verdict.CONFIRMED, Verdict.LIFTED)]
OF_LIMITATIONS = [each for each in Verdict if each not in (Verdict.PASSED, Verdict.FAILED)]
GIVEN = st.fixed_dictionaries(
    {name: st.sampled_from(OF_BEHAVIOURS if name in BEHAVIOURS else OF_LIMITATIONS) for name in NAMES}
).filter(lambda verdicts: any(each in (Verdict.PASSED, Verdict.CONFIRMED) for each in verdicts.values()))
FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
WHOLE = document({"bad": Verdict.FAILED, "absent": Verdict.NOT_APPLICABLE})


def refusal(file: Path, text: str | bytes, known: Catalog) -> str:
    """Why a text is refused, in one line that names the file."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadReport) as refused:
        read(file, known)
    said = str(refused.value)
    assert said.startswith(f"{file}: ")
    assert "\n" not in said
    return said


@given(GIVEN)
@settings(deadline=None, max_examples=60)
def test_what_a_run_writes_agrees_with_itself(verdicts: dict[str, Verdict]) -> None:
    assert contradictions(document(verdicts)) == []


@given(GIVEN, st.sampled_from(NAMES), st.sampled_from(list(Verdict)))
@settings(deadline=None, max_examples=100)
def test_a_verdict_that_was_changed_is_noticed(verdicts: dict[str, Verdict], name: str, other: Verdict) -> None:
    made = document(verdicts)
    entry = requirement(made, name)
    if entry["verdict"] == other:
        return
    entry["verdict"] = other.value
    assert contradictions(made)


@given(st.sampled_from(NAMES), st.sampled_from(list(Verdict)), st.data())
@settings(deadline=None, max_examples=60)
def test_a_verdict_that_was_changed_with_its_counts_is_still_noticed(name: str, other: Verdict, data: Any) -> None:
    """The tests of a requirement say what its verdict must be."""
    made = copy.deepcopy(WHOLE)
    entry = requirement(made, name)
    old = entry["verdict"]
    if other in (old, Verdict.BLOCKED):
        return
    level = made["profiles"][0][entry["level"]]
    for counts in (made["statistics"], level["statistics"]):
        counts[old] -= 1
        counts[other] += 1
    entry["verdict"] = other.value
    entry["reason"] = data.draw(st.sampled_from(["", "passt: none", "something"]))
    assert contradictions(made)


@given(st.sampled_from(list(Verdict)), st.integers(-3, 3).filter(bool), st.sampled_from(["all", "core", "extended"]))
def test_a_count_that_was_changed_is_noticed(verdict: Verdict, by: int, where: str) -> None:
    made = copy.deepcopy(WHOLE)
    counts = made["statistics"] if where == "all" else made["profiles"][0][where]["statistics"]
    counts[verdict] += by
    assert contradictions(made)


@given(st.sampled_from(NAMES), st.sampled_from(["removed", "twice", "renamed", "untested"]))
def test_requirements_that_come_go_or_change_their_name_are_noticed(name: str, how: str) -> None:
    made = copy.deepcopy(WHOLE)
    entry = requirement(made, name)
    if how == "removed":
        made["requirements"].remove(entry)
    elif how == "twice":
        made["requirements"].append(copy.deepcopy(entry))
    elif how == "renamed":
        entry["id"] = "other/thing"
    else:
        entry["tests"] = []
    assert contradictions(made)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: made.update(result="success"), "result is 'success'"),
        (lambda made: made.update(exitStatus=0), "exitStatus is 0, but 1 requirements failed"),
        (lambda made: made.update(preflight="no cluster"), "preflight is 'no cluster'"),
        (lambda made: made.update(notCovered=["sample/good"]), "notCovered lists 1"),
        (lambda made: made["limitations"].update(lifted=["sample/limit-there"]), "limitations: lifted are"),
        (lambda made: made["implementation"].update(name="OpenShift"), "implementation is OpenShift v1.33.0"),
        (lambda made: made["features"][1].update(present=True), "is not applicable for want of passt, which"),
        (lambda made: requirement(made, "bad").update(reason=" "), "sample/bad is failed without a reason"),
        (lambda made: made["profiles"].append(made["profiles"][0]), "profile sample stands there 2 times"),
    ],
)
def test_each_contradiction_is_named(change: Any, said: str, tmp_path: Path, known: Catalog) -> None:
    made = copy.deepcopy(WHOLE)
    change(made)
    assert said in refusal(tmp_path / "a.json", json.dumps(made), known)


@FILES
@given(st.integers(0, len(json.dumps(WHOLE)) - 1))
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, known: Catalog, length: int) -> None:
    assert "no JSON, or cut off" in refusal(tmp_path / "a.json", json.dumps(WHOLE)[:length], known)


@FILES
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_other_file_is_refused(tmp_path: Path, known: Catalog, text: bytes) -> None:
    refusal(tmp_path / "a.json", text, known)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@FILES
@given(st.sampled_from(sorted(WHOLE)), JSON)
def test_a_field_of_another_shape_is_refused_or_told_as_a_contradiction(
    tmp_path: Path, known: Catalog, field: str, value: Any
) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**WHOLE, field: value}))
    try:
        read(file, known)
    except BadReport:
        return
    # Fields that nothing else in the report repeats; any other can only have been given what it had.
    free = {"runId", "date", "duration", "versions", "features", "rerun", "exitStatus", "interrupted", "preflight"}
    assert field in free or value == WHOLE[field]


def test_files_that_are_none(tmp_path: Path, known: Catalog) -> None:
    for place, said in ((tmp_path / "none.json", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(BadReport, match=said):
            read(place, known)


def test_other_documents_numbers_and_names_that_json_does_not_have(tmp_path: Path, known: Catalog) -> None:
    file, text = tmp_path / "a.json", json.dumps(WHOLE)
    assert "no ConformanceReport of" in refusal(file, '{"apiVersion": "v1", "kind": "Pod"}', known)
    assert "JSON of another kind" in refusal(file, "[]", known)
    assert "is no time with its zone" in refusal(file, json.dumps({**WHOLE, "date": "2025-01-02"}), known)
    assert "NaN is no number" in refusal(file, text.replace('"duration": 61.5', '"duration": NaN'), known)
    assert "'runId' stands twice" in refusal(file, text.replace('"runId"', '"runId": "x", "runId"', 1), known)
    assert "requirements/0/verdict" in refusal(file, text.replace('"verdict": "passed"', '"verdict": "fine"', 1), known)
    assert "no JSON, or cut off" in refusal(file, "[" * 100_000, known)


def test_requirements_that_this_version_does_not_have_are_refused_in_its_reports(reports: Reports) -> None:
    own = reports("own.json", versions={"udn-conformance": metadata.version("udn-conformance")})
    with pytest.raises(BadReport, match="there is no requirement sample/"):
        read(own, catalog())
    assert read(reports("other.json", versions={"udn-conformance": "0.0.0"}), catalog()).environment == "cluster"


def requirement(made: Document, name: str) -> Document:
    found: Document = next(each for each in made["requirements"] if each["id"] == f"sample/{name}")
    return found
