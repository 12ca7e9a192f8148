"""report.html: one page that needs nothing else, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from conformance.results.files import write

FILE = "report.html"
TEMPLATE = "report.html.j2"
ALARMING = ("failed", "lifted", "blocked")


def render(document: dict[str, Any]) -> str:
    """The page for what ``conformance_report.build`` gave."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = _seconds
    environment.filters["slug"] = lambda verdict: str(verdict).replace(" ", "-")
    environment.filters["href"] = lambda path: quote(str(path))
    environment.filters["figure"] = lambda value: f"{value:.4g}"
    requirements = document["requirements"]
    return environment.get_template(TEMPLATE).render(
        report=document,
        alarms=[each for each in requirements if each["verdict"] in ALARMING],
        figures=[(each, figure) for each in requirements for figure in each["figures"]],
        of_profile={
            profile["name"]: [each for each in requirements if each["id"].startswith(profile["name"] + "/")]
            for profile in document["profiles"]
        },
        headline=_headline(document),
    )


def save(document: dict[str, Any], out: Path) -> Path:
    """Write it below ``out``; raises OSError."""
    file = out / FILE
    write(file, render(document))
    return file


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
