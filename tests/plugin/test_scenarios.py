"""Tests that share a scenario run in one worker, whatever pytest and xdist make of their ids."""

from __future__ import annotations

import json

from tests.plugin.conftest import Suites

WHO = """
import json
pytestmark = pytest.mark.xdist_group("{group}")

@pytest.fixture(scope="module", autouse=True)
def scenario(worker_id):
    with open("{record}", "a") as record:
        record.write(json.dumps(["{group}", worker_id]) + "\\n")

@verifies("primary-l2/mtu")
@pytest.mark.parametrize("number", range(4))
def test_something(number):
    pass

@verifies("primary-l2/same-node")
def test_something_else():
    pass
"""


def test_a_group_is_set_up_once(suites: Suites) -> None:
    record = suites.folder.parent / "record"
    for group in ("red", "blue", "green"):
        suites.write(f"test_{group}.py", WHO.format(group=group, record=record))

    result = suites.run("-n", "2")

    assert result.status == 0, result.stdout
    made = [json.loads(line) for line in record.read_text().splitlines()]
    assert sorted(group for group, _ in made) == ["blue", "green", "red"], made
    assert {worker for _, worker in made} == {"gw0", "gw1"}, made


SHOWS = """
from datetime import UTC, datetime
from conformance.evidence import exhibit
from conformance.evidence.exhibits import End, MatrixExhibit, Path

@verifies("primary-l2/same-node")
def test_that_shows_something():
    ends = End("a", "10.0.0.1", "worker-1"), End("b", "10.0.0.2", "worker-1")
    exhibit(MatrixExhibit("both", datetime.now(UTC), (Path(*ends, "icmp", None, "reached", "reached", ""),)))

@verifies("primary-l2/mtu")
def test_that_kills_its_worker():
    import os
    os._exit(1)
"""


def test_records_tell_when_and_where_tests_ran_and_what_they_showed(suites: Suites) -> None:
    suites.write("test_shows.py", SHOWS)

    for arguments, worker in (("-k", "that_shows"), "main"), (("-n", "1"), "gw0"):
        result = suites.run(*arguments)

        (record,) = result.requirement("primary-l2/same-node")["tests"]
        assert record["worker"] == worker, result.stdout
        assert result.report["date"][:10] <= record["started"]
        (shown,) = record["exhibits"]
        assert (shown["kind"], shown["title"], shown["paths"][0]["server"]["name"]) == ("matrix", "both", "b")
    (died,) = result.requirement("primary-l2/mtu")["tests"]
    assert (died["verdict"], died["worker"], died["exhibits"]) == ("blocked", "gw0", [])
