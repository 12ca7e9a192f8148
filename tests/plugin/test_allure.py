"""Allure's results, and the report that the real Allure makes of them."""

from __future__ import annotations

import builtins
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.catalog.loader import catalog
from conformance.kube import errors
from conformance.machines import console
from conformance.results import allure
from tests.plugin.conftest import Result, Suites
from tests.plugin.test_verdicts import EVERY_VERDICT, EXPECTED

INFRASTRUCTURE = """
from conformance.evidence.snapshot import SNAPSHOTS
from conformance.plugin import run_context
from conformance.kube.errors import Call, Unreachable

@verifies("policy/default-deny")
def test_api_goes_away():
    raise Unreachable(Call("get", None, path="/version"), "https://api", "connection refused")

@pytest.fixture(scope="module")
def pair(request):
    SNAPSHOTS.add_namespace(f"udn-{run_context(request.config).run_id}-0-pair")
    SNAPSHOTS.describe(f"udn-{run_context(request.config).run_id}-0-pair", "topology", "Layer2")

@verifies("policy/survives-migration")
def test_of_a_scenario(pair):
    pass

@pytest.mark.parametrize("action", [len, lambda: None], ids=["len", "lambda"])
@verifies("udn-api/immutable")
def test_of_functions(action):
    pass
"""

CATEGORY_OF = {
    "failed": "Product defect",
    "lifted": "Lifted limitation",
    "blocked": "Blocked set-up",
    "not applicable": "Not applicable",
}

#: By an exception of the API's, or by one beneath it.
API_GONE = {"policy/default-deny", "primary-l2/address-from-subnet"}


def _results(result: Result) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in (result.out / "allure-results").glob("*-result.json")]


def _values(result: dict[str, Any], label: str) -> list[str]:
    return [each["value"] for each in result["labels"] if each["name"] == label]


def _category(result: dict[str, Any]) -> str | None:
    """The category that Allure 2 gives, and that Allure 3 has to agree with."""
    found = [_first(result, wholly) for wholly in (True, False)]
    assert found[0] == found[1]
    return found[0]


def _first(result: dict[str, Any], wholly: bool) -> str | None:
    message = (result.get("statusDetails") or {}).get("message", "")
    for rule in allure.categories():
        match = re.fullmatch if wholly else re.search
        flags = re.DOTALL if wholly else 0
        if result["status"] in rule["matchedStatuses"] and match(rule["messageRegex"], message, flags):
            return str(rule["name"])
    return None


@pytest.fixture
def run(suites: Suites) -> Result:
    """A run by two workers with every verdict, and an API that went away."""
    suites.write("test_all.py", EVERY_VERDICT)
    suites.write("test_more.py", INFRASTRUCTURE)
    result = suites.run("-n", "2")
    assert result.status == 1, result.stdout + result.stderr
    return result


def test_results_carry_verdicts_labels_links_and_histories(run: Result, suites: Suites) -> None:
    first = _results(run)
    results = {_values(each, "story")[0]: each for each in first}
    expected = {id: verdict for id, (verdict, _) in EXPECTED.items() if verdict != "not covered"}
    for id, verdict in expected.items():
        found, requirement = results[id], catalog()[id]
        assert _values(found, "epic") == [requirement.profile]
        assert _values(found, "feature") == ["all"]
        assert _values(found, "severity") == ["critical" if requirement.level == "core" else "normal"]
        assert {requirement.kind, requirement.level} <= set(_values(found, "tag"))
        assert _values(found, "verdict") == [verdict]
        sources = {source.document for source in requirement.source}
        urls = {catalog().addresses[number] for number in sources if number in catalog().addresses}
        assert {link["url"] for link in found.get("links", ())} == urls
        category = "Infrastructure" if id in API_GONE else CATEGORY_OF.get(verdict, "")
        assert (_category(found) or "").partition(":")[0] == category
    assert str(_category(results["policy/default-deny"])).startswith("Infrastructure")

    told = results["policy/survives-migration"]["parameters"]
    assert {each["name"]: each["value"] for each in told} == {"scenario": "pair", "topology": "Layer2"}
    assert all(each["excluded"] for each in told)

    again = suites.run("--run-id", "another")
    histories = Counter(each["historyId"] for each in first)
    assert histories == Counter(each["historyId"] for each in _results(again))
    assert set(histories.values()) == {1}


def test_categories_name_exceptions_that_there_are() -> None:
    rules = yaml.safe_load(Path(allure.__file__).with_name("allure_categories.yaml").read_text())
    known = vars(builtins) | vars(errors) | vars(console)
    for name in rules["infrastructure"]:
        assert issubclass(known[name], Exception), name


def test_the_real_allure_draws_the_report(run: Result) -> None:
    program = _allure3()
    subprocess.run([program, "generate"], cwd=run.out, check=True, capture_output=True)
    assert (run.out / "allure-history.jsonl").is_file()
    data = run.out / "allure-report" / "widgets"

    results = _results(run)
    counts = Counter(each["status"] for each in results)
    assert {"total": len(results), **counts}.items() <= json.loads((data / "statistic.json").read_text()).items()
    tree = json.loads((data / "tree.json").read_text())
    epics = {tree["groupsById"][id]["name"] for id in tree["root"]["groups"]}
    assert epics == {epic for each in results for epic in _values(each, "epic")}
    drawn = _categories(json.loads((data / "categories.json").read_text()))
    assert drawn == Counter(name for each in results if (name := _category(each)))
    environment = json.loads((data / "allure_environment.json").read_text())
    assert {"name": "environment", "values": ["cluster"]} in environment


def _allure3() -> str:
    """Allure 3's program; .ci/run installs it."""
    program = shutil.which("allure")
    if program is None:
        pytest.skip("there is no allure on PATH: npm install --global allure@3")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if not version.startswith("3."):
        pytest.skip(f"{program} is Allure {version}, and this is about Allure 3: npm install --global allure@3")
    return program


def _categories(widget: dict[str, Any]) -> Counter[str]:
    nodes: Iterable[dict[str, Any]] = widget["nodes"].values()
    return Counter({each["name"]: each["statistic"]["total"] for each in nodes if each["type"] == "category"})
