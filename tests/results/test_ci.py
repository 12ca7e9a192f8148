"""What GitHub and GitLab are told: by their rules, with nothing of a message taken for a command or markup."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from conformance.catalog.model import Catalog
from conformance.results import ci, summary, workflow_commands
from conformance.results.requirements import judge_all
from conformance.results.run import Ending, Run
from tests.results.conftest import HERE

COMMAND = re.compile(r"::(\w+) ([^:]*)::(.*)")


def _parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as GitHub's runner reads it: split first, decoded then (actions/runner, ActionCommand.cs)."""
    match = COMMAND.fullmatch(line)
    assert match is not None
    name, told, data = match.groups()
    properties = dict(pair.split("=", 1) for pair in told.split(",") if pair)
    return name, {key: _decoded(value) for key, value in properties.items()}, _decoded(data)


def _decoded(text: str) -> str:
    for code, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


@given(st.text(), st.text())
def test_a_command_is_one_line_and_says_what_it_was_given(title: str, message: str) -> None:
    line = workflow_commands.command("error", message, title=title)
    assert "\n" not in line
    assert "\r" not in line
    name, properties, data = _parsed(line)
    clean = workflow_commands.REDACTOR.text
    assert (name, properties, data) == ("error", {"title": clean(title)}, clean(message))


def test_each_alarming_requirement_is_annotated_at_its_test(catalog: Catalog, run: Run, tmp_path: Path) -> None:
    run = replace(run, index=replace(run.index, root=tmp_path / "suites"))
    parsed = [_parsed(line) for line in workflow_commands.lines(run, judge_all(catalog, run), tmp_path)]
    assert [name for name, _, _ in parsed] == ["error"] * 3
    assert {told["title"] for _, told, _ in parsed} == {
        "failed: sample/bad",
        "blocked: sample/broken",
        "lifted: sample/limit-gone",
    }
    assert all((told["file"], told["line"]) == ("suites/test_all.py", "1") for _, told, _ in parsed)
    assert "token=[redacted]" in parsed[0][2]
    assert "udn-conformance run --lab --require sample/bad" in parsed[0][2]
    elsewhere = [_parsed(line) for line in workflow_commands.lines(run, judge_all(catalog, run), tmp_path / "else")]
    assert all("file" not in told for _, told, _ in elsewhere)


def test_a_lifted_limitation_that_fails_nothing_is_a_warning(catalog: Catalog, run: Run) -> None:
    run = replace(run, ending=Ending(0))
    names = {
        told["title"]: name
        for name, told, _ in map(_parsed, workflow_commands.lines(run, judge_all(catalog, run), None))
    }
    assert names["lifted: sample/limit-gone"] == "warning"


def test_the_summary_is_as_it_was_approved(catalog: Catalog, run: Run) -> None:
    assert summary.markdown(catalog, run, judge_all(catalog, run)) == (HERE / "golden" / "summary.md").read_text()


def test_a_failed_preflight_is_one_annotation(catalog: Catalog, run: Run) -> None:
    run = replace(run, records=(), ending=Ending(10, preflight="no cluster: 10% there"))
    judged = judge_all(catalog, run)
    assert list(workflow_commands.lines(run, judged, None)) == [
        "::error title=preflight failed::no cluster: 10%25 there"
    ]
    assert "**Preflight failed**" in summary.markdown(catalog, run, judged)


def test_only_the_ci_that_is_there_is_told(catalog: Catalog, run: Run, tmp_path: Path) -> None:
    judged = judge_all(catalog, run)
    assert ci.tell({}, catalog, run, judged) == []
    page = tmp_path / "summary"
    page.write_text("before\n")
    lines = ci.tell({"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)}, catalog, run, judged)
    assert len(lines) == 3
    assert page.read_text() == "before\n" + summary.markdown(catalog, run, judged)
    nowhere = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    assert "could not write the step summary" in ci.tell(nowhere, catalog, run, judged)[-1]
    first, *_, last = ci.tell({"GITLAB_CI": "true"}, catalog, run, judged)
    assert re.match(r"\x1b\[0Ksection_start:\d+:udn_conformance\[collapsed=true\]\r\x1b\[0K\w", first)
    assert re.fullmatch(r"\x1b\[0Ksection_end:\d+:udn_conformance\r\x1b\[0K", last)
