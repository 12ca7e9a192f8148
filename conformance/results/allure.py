"""What Allure needs beside the tests' own results: environment, categories, how to draw the report, lost tests."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import allure_commons
import yaml

from conformance.catalog.index import without_parameters
from conformance.catalog.model import Catalog
from conformance.evidence.redaction import REDACTOR
from conformance.results import allure_labels
from conformance.results.allure_verdicts import history_id, message, status_of
from conformance.results.files import write
from conformance.results.records import TestRecord
from conformance.results.run import Run

FOLDER = "allure-results"
#: Read by Allure 3 in the folder where it is called.
CONFIGURATION = "allurerc.json"


def save(run: Run, catalog: Catalog, folder: Path) -> None:
    """``environment.properties``, ``categories.json``, and results for tests that left none; raises OSError."""
    write(folder / "environment.properties", _environment(run, catalog))
    write(folder / "categories.json", json.dumps(categories(), indent=2) + "\n")
    for record in _without_result(run.records, folder):
        name = f"{uuid.uuid4()}-result.json"
        write(folder / name, json.dumps(REDACTOR.object(_result(record, run, catalog)), ensure_ascii=False))
    if run.ending.preflight and hasattr(allure_commons.plugin_manager.hook, "global_error"):
        allure_commons.plugin_manager.hook.global_error(
            message=REDACTOR.text(f"preflight failed: {run.ending.preflight}"), trace=""
        )


def save_configuration(out: Path, results: Path) -> None:
    """How Allure 3 draws the report when it is called in ``out``: our tree, our categories; raises OSError.

    Allure 3 takes categories from here; ``categories.json`` is Allure 2's, and Jenkins'.
    """
    configuration = {
        "name": "udn-conformance",
        "resultsDir": os.path.relpath(results, out),
        "output": "allure-report",
        "historyPath": "allure-history.jsonl",
        "plugins": {"awesome": {"options": {"groupBy": ["epic", "feature", "story"]}}},
        "categories": categories(),
    }
    write(out / CONFIGURATION, json.dumps(configuration, indent=2) + "\n")


@cache
def categories() -> list[dict[str, Any]]:
    """The categories, in the order in which they are tried."""
    rules = yaml.safe_load(Path(__file__).with_name("allure_categories.yaml").read_text(encoding="utf-8"))
    names = "|".join(map(re.escape, rules["infrastructure"]))
    return [
        each | {"messageRegex": each["messageRegex"].replace("{infrastructure}", names)} for each in rules["categories"]
    ]


def _environment(run: Run, catalog: Catalog) -> str:
    facts: dict[str, Any] = {"environment": run.environment.kind, "run": run.id, "requirements": len(catalog)}
    facts |= {"server": run.environment.server, "context": run.environment.context} | dict(run.environment.versions)
    for feature in run.environment.features:
        answer = {True: "yes", False: "no", None: "unknown"}[feature.present]
        facts[f"feature.{feature.name}"] = f"{answer} ({feature.evidence})"
    return "".join(f"{key}={_property(str(value))}\n" for key, value in facts.items() if value is not None)


def _property(value: str) -> str:
    return " ".join(REDACTOR.text(value).split()).replace("\\", "\\\\")


def _without_result(records: Iterable[TestRecord], folder: Path) -> list[TestRecord]:
    """Tests whose process died before it wrote down what became of them."""
    written = {json.loads(file.read_text(encoding="utf-8")).get("historyId") for file in folder.glob("*-result.json")}
    return [record for record in records if history_id(record.nodeid) not in written]


def _result(record: TestRecord, run: Run, catalog: Catalog) -> dict[str, Any]:
    """The result of such a test, as allure-pytest would have put it."""
    requirements = [catalog[id] for id in record.requirements if id in catalog]
    path, _, name = record.nodeid.partition("::")
    plain = without_parameters(record.nodeid).partition("::")[2]
    labels = [*allure_labels.labels(path, requirements), ("verdict", record.verdict.value)]
    end = int(1000 * (run.started.timestamp() + run.seconds))
    return {
        "uuid": str(uuid.uuid4()),
        "historyId": history_id(record.nodeid),
        "name": name.replace("::", "."),
        "fullName": f"{path.removesuffix('.py').replace('/', '.')}#{plain.replace('::', '.')}",
        "titlePath": path.split("/"),
        "status": status_of(record.verdict),
        "statusDetails": {"message": message(record.verdict, record.reason)},
        "description": allure_labels.description(requirements),
        "labels": [{"name": name, "value": value} for name, value in labels],
        "links": [
            {"type": "link", "url": url, "name": title}
            for url, title in allure_labels.links(requirements, catalog).items()
        ],
        "start": end - int(1000 * record.duration),
        "stop": end,
    }
