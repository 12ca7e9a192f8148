"""What readers of JUnit's XML count on: Jenkins, GitLab and GitHub's actions alike.

There is no one schema. Elements and attributes here are those of the Jenkins plugin's junit-10.xsd, and what pytest's
family ``xunit1`` adds to them: ``file`` and ``line`` (GitLab shows them), properties of a test case.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

CASE = {"classname", "name", "file", "line", "time"}
OUTCOMES = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def cases(file: Path) -> dict[str, dict[str, list[str]]]:
    """Properties of each test case by the case's name; fails unless the file is as readers expect it."""
    root = ElementTree.parse(file).getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    assert {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"} <= set(suite.attrib)
    found = {}
    counted = dict.fromkeys(OUTCOMES.values(), 0)
    for case in suite:
        assert case.tag == "testcase"
        assert {"name", "classname", "time"} <= set(case.attrib) <= CASE
        assert float(case.attrib["time"]) >= 0
        properties: dict[str, list[str]] = {}
        for part in case:
            assert part.tag in {*OUTCOMES, "properties", "system-out", "system-err"}
            if part.tag in OUTCOMES:
                counted[OUTCOMES[part.tag]] += 1
                assert "message" in part.attrib
            for each in part.iter("property"):
                properties.setdefault(each.attrib["name"], []).append(each.attrib["value"])
        found[case.attrib["name"]] = properties
    assert counted == {name: int(suite.attrib[name]) for name in counted}
    assert int(suite.attrib["tests"]) >= len(found)
    return found
