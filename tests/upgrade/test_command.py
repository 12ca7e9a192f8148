"""The command told wrong: one line, and the exit status that says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from conformance import cli
from conformance.upgrade.command import changed_versions, not_verified


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("prepar",), 4, "did you mean prepare?"),
        (("prepare", "--name", "Not A Name"), 4, "must be lower-case letters"),
        (("prepare", "--nam"), 4, "see udn-conformance upgrade prepare --help"),
        (("watch", "--lab", "--kubeconfig", "none"), 4, "exclude each other"),
        (("watch", "--limit", "upgrade-silence=none"), 4, "is no positive number"),
        (("watch", "--kubeconfig", "none"), 10, "does not exist"),
        (("prepare", "--lab-name", "there-is-none"), 10, "the lab is not up"),
        (("verify", "--kubeconfig", "none"), 10, "does not exist"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: tuple[str, ...],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["udn-conformance", "upgrade", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == status
    assert said in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("what", ["prepare", "watch", "verify"])
def test_each_has_help_with_its_exit_status(what: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["udn-conformance", "upgrade", what, "--help"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert "Exit status: " in capsys.readouterr().out


def test_versions_that_an_upgrade_changed_are_told(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert changed_versions({"kubernetes": "v1.33.0"}, report) == []
    report.write_text(json.dumps({"versions": {"kubernetes": "v1.34.0", "pytest": "9"}}))
    assert changed_versions({"kubernetes": "v1.33.0"}, report) == ["kubernetes was v1.33.0, is v1.34.0"]
    assert "has the cluster been upgraded?" in changed_versions({"kubernetes": "v1.34.0"}, report)[0]


def test_a_report_that_does_not_say_passed_of_all_verifies_nothing(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert "cannot be read" in not_verified(report)[0]
    entry = {"id": "upgrade/x", "needs": ["upgrade-baseline"], "verdict": "not applicable", "reason": "none"}
    other = {"id": "upgrade/y", "needs": ["udn"], "verdict": "failed", "reason": "another's"}
    report.write_text(json.dumps({"requirements": [entry, other]}))
    assert not_verified(report) == ["upgrade/x: not applicable: none"]
    report.write_text(json.dumps({"requirements": [{**entry, "verdict": "passed"}, other]}))
    assert not_verified(report) == []
    report.write_text(json.dumps({"requirements": [other]}))
    assert not_verified(report) == [f"{report} says nothing of a baseline"]
