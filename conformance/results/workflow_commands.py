"""Workflow commands of GitHub Actions: what needs a look, shown at the test's line in a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions; escaping is as in GitHub's own toolkit
(``@actions/core``, command.ts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.evidence.redaction import REDACTOR
from conformance.results.requirements import Judged
from conformance.results.run import Run
from conformance.results.terminal import rerun
from conformance.verdicts import ALARMING, Verdict

#: GitHub shows as many errors of a step, and drops the rest.
SHOWN = 10


def lines(run: Run, judged: Sequence[Judged], workspace: Path | None) -> Iterator[str]:
    """One command for each requirement that needs a look, up to what is shown; ``workspace`` is the checkout."""
    if run.ending.preflight:
        yield command("error", run.ending.preflight, title="preflight failed")
        return
    alarming = [each for each in judged if each.verdict in ALARMING]
    for each in alarming[:SHOWN]:
        tolerated = each.verdict is Verdict.LIFTED and run.ending.exit_status == 0
        text = f"{each.requirement.says}\n{each.reason}\nagain: {rerun(run, each.requirement.id)}"
        title = f"{each.verdict.value}: {each.requirement.id}"
        yield command("warning" if tolerated else "error", text, **_place(run, each, workspace), title=title)


def command(name: str, message: str, **properties: str) -> str:
    """A workflow command in one line, without secrets."""
    told = ",".join(f"{key}={_property(REDACTOR.text(value))}" for key, value in properties.items())
    return f"::{name} {told}::{_data(REDACTOR.text(message))}"


def _place(run: Run, judged: Judged, workspace: Path | None) -> dict[str, str]:
    """File and line of the first test that gave the verdict; nothing for a file outside the checkout."""
    worst = {record.nodeid.partition("[")[0] for record in judged.records if record.verdict is judged.verdict}
    tests = [test for test in judged.tests if test.nodeid in worst] or list(judged.tests)
    file = (run.index.root / tests[0].path).resolve() if tests else None
    if file is None or workspace is None or not file.is_relative_to(workspace.resolve()):
        return {}
    return {"file": file.relative_to(workspace.resolve()).as_posix(), "line": str(tests[0].line)}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
