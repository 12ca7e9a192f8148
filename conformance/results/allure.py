"""What Allure needs beside the tests' own results: labels, the environment, and categories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import allure_commons
import pytest

from conformance.catalog.model import Catalog, Level, Requirement
from conformance.evidence.redaction import REDACTOR
from conformance.results.files import write
from conformance.results.run import Run

FOLDER = "allure-results"


def labels(item: pytest.Item, requirements: list[Requirement]) -> None:
    """Epic = profile, feature = theme (the module), story = requirement, severity = level; the sentence in front."""
    theme = item.path.stem.removeprefix("test_").replace("_", " ")
    item.add_marker(pytest.mark.allure_label(theme, label_type="feature"))
    for profile in dict.fromkeys(requirement.profile for requirement in requirements):
        item.add_marker(pytest.mark.allure_label(profile, label_type="epic"))
    for requirement in requirements:
        item.add_marker(pytest.mark.allure_label(requirement.id, label_type="story"))
    core = any(requirement.level is Level.CORE for requirement in requirements)
    item.add_marker(pytest.mark.allure_label("critical" if core else "normal", label_type="severity"))
    item.add_marker(pytest.mark.allure_description("\n\n".join(_paragraph(each) for each in requirements)))


def _paragraph(requirement: Requirement) -> str:
    sources = "; ".join(str(source) for source in requirement.source)
    return f"**{requirement.id}** ({requirement.kind.value}, {requirement.level.value}): {requirement.says} [{sources}]"


def save(run: Run, catalog: Catalog, folder: Path) -> None:
    """``environment.properties`` and ``categories.json``; raises OSError."""
    facts: dict[str, Any] = {"environment": run.environment.kind, "run": run.id, "requirements": len(catalog)}
    facts |= {"server": run.environment.server, "context": run.environment.context} | dict(run.environment.versions)
    for feature in run.environment.features:
        answer = {True: "yes", False: "no", None: "unknown"}[feature.present]
        facts[f"feature.{feature.name}"] = f"{answer} ({feature.evidence})"
    lines = [f"{key}={_property(str(value))}" for key, value in facts.items() if value is not None]
    write(folder / "environment.properties", "\n".join(lines) + "\n")
    write(folder / "categories.json", json.dumps(_CATEGORIES, indent=2) + "\n")
    if run.ending.preflight and hasattr(allure_commons.plugin_manager.hook, "global_error"):
        allure_commons.plugin_manager.hook.global_error(
            message=REDACTOR.text(f"preflight failed: {run.ending.preflight}"), trace=""
        )


def _property(value: str) -> str:
    return " ".join(REDACTOR.text(value).split()).replace("\\", "\\\\")


_CATEGORIES = [
    {
        "name": "Failed: the cluster does not do what the documentation says",
        "matchedStatuses": ["failed"],
    },
    {
        "name": "Lifted: a documented limitation is not there any more",
        "messageRegex": "(?s).*\\bLifted\\b.*",
        "matchedStatuses": ["broken", "failed"],
    },
    {
        "name": "Blocked: set-up broke, nothing can be said",
        "messageRegex": "(?s)(?!.*\\b(Lifted|TimedOut|Refused)\\b).*",
        "matchedStatuses": ["broken"],
    },
    {
        "name": "Failed: the product did not answer, or refused, within the test",
        "messageRegex": "(?s).*\\b(TimedOut|Refused)\\b.*",
        "matchedStatuses": ["broken"],
    },
    {"name": "Not applicable: a feature is absent", "matchedStatuses": ["skipped"]},
]
