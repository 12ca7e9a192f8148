"""report.html: one page that needs nothing else, for people."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from conformance.pictures import STYLE
from conformance.results.files import write
from conformance.results.page.alarms import ALARMING, alarms
from conformance.results.page.drawings import drawings, run

FILE = "report.html"
PARTS = Path(__file__).with_name("page")
_MARKS = {"passed": "✓", "confirmed": "✓", "failed": "✗", "lifted": "↑", "blocked": "■", "not applicable": "–"}


def render(document: dict[str, Any]) -> str:
    """The page for what ``conformance_report.build`` gave."""
    requirements = document["requirements"]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=document,
            headline=_headline(document),
            alarms=alarms(requirements),
            run=run(document),
            drawings=drawings,
            figures=[(each, figure) for each in requirements for figure in each["figures"]],
            of_profile={
                profile["name"]: [each for each in requirements if each["id"].startswith(profile["name"] + "/")]
                for profile in document["profiles"]
            },
            style=STYLE + (PARTS / "page.css").read_text(encoding="utf-8"),
            script=(PARTS / "page.js").read_text(encoding="utf-8"),
        )
    )


def save(document: dict[str, Any], out: Path) -> Path:
    """Write it below ``out``; raises OSError."""
    file = out / FILE
    write(file, render(document))
    return file


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PARTS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = _seconds
    environment.filters["slug"] = lambda verdict: str(verdict).replace(" ", "-")
    environment.filters["mark"] = lambda verdict: _MARKS.get(verdict, "·")
    environment.filters["href"] = lambda path: quote(str(path))
    environment.filters["command"] = shlex.join
    environment.filters["figure"] = lambda value: f"{value:.4g}"
    environment.filters["time"] = lambda moment: str(moment)[11:19]
    return environment


def _headline(document: dict[str, Any]) -> str:
    if document["preflight"]:
        return "The run could not begin"
    counts = document["statistics"]
    wrong = [f"{counts[verdict]} {verdict}" for verdict in ALARMING if counts[verdict]]
    well = counts["passed"] + counts["confirmed"]
    if wrong:
        return f"{', '.join(wrong)}; {well} as documented"
    if not well:
        return "Nothing was found out"
    return f"{well} of {well} requirements that ran are as documented"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 100 else f"{value / 60:.1f} min"
