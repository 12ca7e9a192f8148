"""The catalogue: whole, and refused in one clear line when it is not as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from conformance.catalog.loader import HERE, CatalogError, catalog, load
from conformance.catalog.model import Kind, Level
from conformance.features.detect import DETECTORS
from conformance.features.vocabulary import feature_names, vocabulary

GOOD = """\
profile: sample
title: A sample
needs: [kubevirt]
requirements:
  - id: sample/first
    says: It works.
    kind: behaviour
    level: core
    source: ['001 §9.3', ref]
    breaks_it: it does not
    needs: [live-migration]
    since: '4.18'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalogue with one good profile."""
    (tmp_path / "documents.yaml").write_text("'001': One\nref: Reference\n")
    (tmp_path / "order.yaml").write_text("- sample\n")
    (tmp_path / "sample.yaml").write_text(GOOD)
    return tmp_path


def test_the_catalogue_is_whole() -> None:
    known = catalog()
    assert len(known) == 128
    assert len(known.profiles) == 13
    assert {profile.name: len(profile.requirements) for profile in known.profiles}["udn-api"] == 24
    for requirement in known:
        assert requirement.says.endswith("."), requirement.id
        assert requirement.source
        assert requirement.breaks_it


def test_a_row_is_read_as_it_is_written(folder: Path) -> None:
    (requirement,) = load(folder)
    assert requirement.id == "sample/first"
    assert requirement.profile == "sample"
    assert requirement.kind is Kind.BEHAVIOUR
    assert requirement.level is Level.CORE
    assert [str(source) for source in requirement.source] == ["001 §9.3", "ref"]
    assert requirement.needs == ("kubevirt", "live-migration")
    assert requirement.since == "4.18"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: behaviour", "kind: behavior", "kind 'behavior' must be one of behaviour, api-rule, limitation"),
        ("level: core", "level: ext", "level 'ext' must be one of core, extended"),
        ("says:", "say:", "unknown key 'say'; did you mean says"),
        ("    breaks_it: it does not\n", "", "sample/first: lacks breaks_it"),
        ("[live-migration]", "[live-migrations]", "did you mean live-migration"),
        ("'001 §9.3'", "'002 §9.3'", "unknown document '002'"),
        ("'001 §9.3'", "'001'", "must name the section"),
        ("sample/first", "other/first", "id must be sample/ and a slug"),
        ("sample/first", "sample/First", "id must be sample/ and a slug"),
        ("profile: sample", "profile: simple", "must be named as its file is"),
        ("since: '4.18'", "since: 4.18", "must be a release in quotes"),
        ("says: It works.", "says: It works.\n    says: Again.", "key 'says' is given twice"),
        ("requirements:", "requirements: [", "is not YAML"),
        ("says: It works.", "says: ''", "says must be a text"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(folder: Path, old: str, new: str, said: str) -> None:
    (folder / "sample.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(CatalogError) as error:
        load(folder)
    assert said in str(error.value)
    assert "sample.yaml" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_ids_are_unique(folder: Path) -> None:
    (folder / "sample.yaml").write_text(GOOD + GOOD[GOOD.index("  - id") :])
    with pytest.raises(CatalogError, match=r"id 'sample/first' is already in sample\.yaml"):
        load(folder)


def test_the_order_names_every_profile(folder: Path) -> None:
    (folder / "order.yaml").write_text("[]\n")
    with pytest.raises(CatalogError, match="must list every profile once"):
        load(folder)


def test_every_feature_is_explained_and_detected() -> None:
    assert set(DETECTORS) == set(feature_names())
    assert all(meaning.strip() for meaning in vocabulary().values())
    needed = {name for requirement in catalog() for name in requirement.needs}
    assert set(feature_names()) == needed


def test_the_files_are_read_by_others_too() -> None:
    for file in HERE.glob("*.yaml"):
        assert yaml.safe_load(file.read_text())
