"""The checker of submitted reports, as one calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports.__main__ import main
from tests.results import large


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """A sound report of a run of the whole catalogue."""
    return large.report(large.red_run())


def put(file: Path, document: dict[str, Any]) -> str:
    file.write_text(json.dumps(document))
    return str(file)


def test_a_sound_report_is_told_in_a_line(
    tmp_path: Path, document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    file = put(tmp_path / "report.json", document)
    assert main([file]) == 0
    assert capsys.readouterr().out.startswith(f"{file}: CLUSTER, Kubernetes v1.33.0, run abc123: failure: ")


def test_each_report_that_is_not_sound_is_named(
    tmp_path: Path, document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = put(tmp_path / "whole.json", document)
    edited = put(tmp_path / "edited.json", document | {"result": "success"})
    foreign = put(tmp_path / "foreign.json", {"kind": "List"})
    assert main([edited, whole, foreign]) == 1
    told = capsys.readouterr()
    assert told.out.startswith(whole)
    assert [line.partition(": ")[0] for line in told.err.splitlines()] == [edited, foreign]


def test_a_report_of_the_lab_cannot_be_made_one_of_a_cluster(
    tmp_path: Path, document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    versions = document["versions"] | {"kubevirt": "v1.8.0+lab"}
    assert main([put(tmp_path / "report.json", document | {"versions": versions})]) == 1
    assert "versions/kubevirt" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_wrong_use_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 4
    assert "FILE" in capsys.readouterr().err
