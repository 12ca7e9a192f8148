"""Reports as they shall be, to the letter; ``UDN_WRITE_GOLDEN=1`` writes the golden files anew."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.catalog.model import Catalog
from conformance.results import allure, conformance_report, html, terminal
from conformance.results.implementation import implementation
from conformance.results.requirements import judge_all
from conformance.results.run import Environment, Plan, Run
from conformance.results.writers import write_all

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = Path(__file__).parents[2] / "reports" / "conformance-report.schema.json"


def same_as(name: str, text: str) -> None:
    """Compare with the golden file of that name."""
    file = GOLDEN / name
    if os.environ.get("UDN_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{name} differs; UDN_WRITE_GOLDEN=1 accepts it"


@pytest.fixture
def document(catalog: Catalog, run: Run) -> dict[str, Any]:
    """report.json of the sample run."""
    return conformance_report.build(catalog, run, judge_all(catalog, run))


def test_report_json(document: dict[str, Any]) -> None:
    same_as("report.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def test_report_json_follows_its_schema(document: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    document["requirements"][0]["verdict"] = "fine"
    assert "'fine' is not one of" in next(validator.iter_errors(document)).message


@pytest.mark.parametrize("told", ["kind", "statement", "implementation", "version"])
def test_a_lab_run_cannot_pass_for_a_cluster(catalog: Catalog, run: Run, told: str) -> None:
    """However much of it is changed, what is left tells."""
    versions = {"kubernetes": "v1.33.0", "kubevirt": "v1.8.0+lab"}
    cluster = replace(run, environment=replace(run.environment, kind="cluster", versions={"kubernetes": "v1.33.0"}))
    honest = conformance_report.build(catalog, replace(cluster, rerun=("udn-conformance", "run")), [])
    lab = conformance_report.build(catalog, replace(run, environment=replace(run.environment, versions=versions)), [])
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert validator.is_valid(honest)
    assert validator.is_valid(lab)
    made_up = lab | {
        "environment": honest["environment"] if told != "statement" else lab["environment"] | {"kind": "cluster"},
        "implementation": honest["implementation"] if told != "implementation" else lab["implementation"],
        "versions": honest["versions"] if told != "version" else lab["versions"],
        "rerun": honest["rerun"],
    }
    made_up["environment"] = made_up["environment"] | ({"kind": "lab"} if told == "kind" else {})
    assert not validator.is_valid(made_up)


def test_limitations_have_lists_of_their_own(document: dict[str, Any]) -> None:
    assert document["limitations"] == {"confirmed": ["sample/limit-there"], "lifted": ["sample/limit-gone"]}


@pytest.mark.parametrize(
    ("kind", "versions", "name", "version"),
    [
        ("lab", {"kubernetes": "v1.33.0", "udn-conformance": "0.1.0"}, "udn-lab", "0.1.0"),
        ("cluster", {"kubernetes": "v1.33.0", "openshift": "4.20.1"}, "OpenShift", "4.20.1"),
        ("cluster", {"kubernetes": "v1.33.0"}, "Kubernetes", "v1.33.0"),
        ("cluster", {}, "Kubernetes", None),
    ],
)
def test_the_implementation_is_what_was_tested(kind: str, versions: dict[str, str], name: str, version: str) -> None:
    told = implementation(Environment(kind, versions=versions | {"kubevirt": "v1.6.0"}))
    assert (told["name"], told["version"]) == (name, version)
    components = {each["name"]: each["version"] for each in told["components"]}
    assert components["KubeVirt"] == "v1.6.0"
    assert components["OVN-Kubernetes"] is None
    assert name not in components


def test_every_verdict_is_counted_once(document: dict[str, Any]) -> None:
    assert document["statistics"] == dict.fromkeys(document["statistics"], 1)
    assert document["notCovered"] == ["sample/bare"]
    assert document["profiles"][0]["extended"]["unsupportedFeatures"] == ["passt"]


def test_a_run_of_nothing_is_no_success(catalog: Catalog, run: Run) -> None:
    empty = replace(run, records=(), plan=Plan(frozenset({"test_other.py::test_other"})))
    assert conformance_report.build(catalog, empty, judge_all(catalog, empty))["result"] == "none"


class _Writer:
    """A terminal that keeps what is written."""

    hasmarkup = False

    def __init__(self) -> None:
        self.text = ""

    def write_line(self, line: str, **markup: bool) -> None:
        self.text += line + "\n"

    def write(self, content: str, *, flush: bool = False, **markup: bool) -> None:
        self.text += content

    def write_sep(self, sep: str, title: str | None = None, **markup: bool) -> None:
        self.text += f"{sep} {title} {sep}\n"

    def ensure_newline(self) -> None:
        """Nothing is open."""


def test_terminal(catalog: Catalog, run: Run) -> None:
    writer = _Writer()
    for number, record in enumerate(run.records, start=1):
        terminal.progress(writer, record, number, 12)
    terminal.summary(writer, catalog, run, judge_all(catalog, run), ["wrote out/report.json"])
    same_as("terminal.txt", "\n".join(line.rstrip() for line in writer.text.splitlines()) + "\n")


class _Page(HTMLParser):
    """Checks that a page is well formed, and gathers its ids, links and text."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [facts["id"] or ""] if "id" in facts else []
        self.links += [facts["href"] or ""] if tag == "a" else []
        self.loaded += [facts[name] or "" for name in ("src",) if name in facts]
        self.loaded += [facts["href"] or ""] if tag == "link" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_report_html_is_one_whole_page(document: dict[str, Any]) -> None:
    text = html.render(document)
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.loaded == []
    assert len(page.ids) == len(set(page.ids))
    inner = [link[1:] for link in page.links if link.startswith("#")]
    assert set(inner) <= set(page.ids)
    assert "evidence/bad/log.txt" in page.links
    assert "tcp vm-a (10.0.0.3, worker-1) -> vm-b (10.0.0.4:80, worker-2): <no answer>" in page.text
    assert "<no answer>" not in text
    assert "1 failed, 1 lifted, 1 blocked; 2 as documented" in page.text
    assert "proves the suite, not OVN-Kubernetes" in page.text
    for requirement in document["requirements"]:
        assert requirement["id"] in page.ids
        assert requirement["says"] in page.text


def test_no_secret_is_in_any_report(catalog: Catalog, run: Run, tmp_path: Path) -> None:
    write_all(catalog, run, judge_all(catalog, run), tmp_path, tmp_path / "allure-results")
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or "abcdef" not in file.read_text()


def test_allure_s_environment_and_categories(catalog: Catalog, run: Run, tmp_path: Path) -> None:
    allure.save(run, catalog, tmp_path)
    properties = (tmp_path / "environment.properties").read_text().splitlines()
    assert "environment=lab" in properties
    assert "feature.kubevirt=yes (KubeVirt v1.6.0 is Available)" in properties
    for category in json.loads((tmp_path / "categories.json").read_text()):
        assert set(category["matchedStatuses"]) <= {"failed", "broken", "skipped"}
        # Allure reads them as Java's; what Python takes here, Java takes too.
        re.compile(category.get("messageRegex", ""))


def test_a_place_that_cannot_be_written_is_told(catalog: Catalog, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lines = write_all(catalog, run, judge_all(catalog, run), tmp_path / "file", None)
    assert all(line.startswith("could not write") for line in lines)
    assert len(lines) == 2
