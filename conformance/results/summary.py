"""The run in Markdown, for a CI system's page: the verdicts by profile, what needs a look, what does not apply."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from conformance.catalog.model import Catalog
from conformance.evidence.redaction import REDACTOR
from conformance.results.requirements import Judged, statistics
from conformance.results.run import Run
from conformance.results.terminal import rerun
from conformance.verdicts import ALARMING, Verdict

#: GitHub takes 1 MiB of a step: what needs a look is told in full so often, then by name.
TOLD = 50
_MARKUP = frozenset("\\`*_[]|~@")


def markdown(catalog: Catalog, run: Run, judged: Sequence[Judged]) -> str:
    """The page's text, without secrets; nothing of it is taken for markup but what is written here."""
    return "\n".join(_lines(catalog, run, judged)) + "\n"


def _lines(catalog: Catalog, run: Run, judged: Sequence[Judged]) -> Iterator[str]:
    yield f"## Conformance of VMs on user-defined networks: run {_text(run.id)}"
    yield ""
    if run.ending.preflight:
        yield f"**Preflight failed**, no test was begun: {_text(run.ending.preflight)}"
        return
    if run.ending.interrupted:
        yield "**The run was interrupted.**\n"
    if run.environment.statement:
        yield f"{_text(run.environment.statement)}\n"
    yield from _table(catalog, judged)
    alarming = [each for each in judged if each.verdict in ALARMING]
    if alarming:
        yield "\n### What needs a look\n"
    for number, each in enumerate(alarming):
        if number < TOLD:
            yield from _told(run, each)
        else:
            yield f"* **{each.verdict.value}** `{each.requirement.id}`"
    absent = [each for each in judged if each.verdict is Verdict.NOT_APPLICABLE]
    if absent:
        yield f"\n<details><summary>Not applicable here: {len(absent)}</summary>\n"
        yield from (f"* `{each.requirement.id}`: {_text(each.reason)}" for each in absent)
        yield "\n</details>"


def _table(catalog: Catalog, judged: Sequence[Judged]) -> Iterator[str]:
    shown = [verdict for verdict in Verdict if any(each.verdict is verdict for each in judged)]
    yield f"| profile | {' | '.join(shown)} |"
    yield f"|---|{'---:|' * len(shown)}"
    for profile in catalog.profiles:
        counts = statistics(each for each in judged if each.requirement.profile == profile.name)
        yield f"| {profile.name} | {' | '.join(str(counts[verdict] or '·') for verdict in shown)} |"
    counts = statistics(judged)
    yield f"| **all** | {' | '.join(f'**{counts[verdict]}**' for verdict in shown)} |"


def _told(run: Run, judged: Judged) -> Iterator[str]:
    yield f"* **{judged.verdict.value}** `{judged.requirement.id}`: {_text(judged.requirement.says)}"
    yield f"  <br>{_text(judged.reason)}"
    yield f"  <br><code>{_text(rerun(run, judged.requirement.id))}</code>"


def _text(text: str) -> str:
    """Text as text: no HTML, and none of the characters that mean something in Markdown."""
    plain = html.escape(" ".join(REDACTOR.text(text).split()), quote=False)
    return "".join(f"&#{ord(sign)};" if sign in _MARKUP else sign for sign in plain)
