"""Tests that share a scenario run in one worker, whatever pytest and xdist make of their ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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


def unit_of(group: str, record: Path, body: str) -> str:
    """Tests that go to one worker together, and write their group into ``record``."""
    return f"""
pytestmark = pytest.mark.xdist_group("{group}")

@pytest.fixture(scope="module", autouse=True)
def scenario():
    with open("{record}", "a") as record:
        record.write("{group}\\n")

{body}
"""


def test_what_takes_longest_begins_first(suites: Suites) -> None:
    record = suites.folder.parent / "record"
    # Nothing is recorded of these, so that each function counts alike, however many parameters it has.
    one = '@verifies("primary-l2/mtu")\n@pytest.mark.parametrize("number", range(6))\ndef test_it(number):\n    pass\n'
    three = [f'@verifies("primary-l2/mtu")\ndef test_{number}():\n    pass\n' for number in range(3)]
    suites.write("test_a.py", unit_of("of-one", record, one))
    suites.write("test_b.py", unit_of("of-three", record, "\n".join(three)))

    result = suites.run("-n", "1", "-p", "no:randomly")

    assert result.status == 0, result.stdout
    assert record.read_text().split() == ["of-three", "of-one"]


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


KILLERS = """
import os
import pytest

@pytest.mark.xdist_group("trio")
@verifies("primary-l2/same-node")
def test_before():
    pass

@pytest.mark.xdist_group("trio")
@verifies("primary-l2/mtu")
def test_that_kills_its_worker():
    os._exit(3)

@pytest.mark.xdist_group("trio")
@verifies("primary-l2/overlapping-subnets")
def test_after():
    pass

@verifies("primary-l2/tcp-and-udp")
def test_alone():
    pass

@verifies("primary-l2/no-nat-between-vms")
def test_that_kills_as_well():
    os._exit(3)

@verifies("primary-l2/address-by-dhcp")
def test_last():
    pass
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_a_dead_worker_had_left_is_run_by_another(suites: Suites, workers: str) -> None:
    suites.write("test_killers.py", KILLERS)
    result = suites.run("-n", workers)
    found = {each["id"]: each for each in result.report["requirements"]}
    died, lived = ["mtu", "no-nat-between-vms"], ["same-node", "overlapping-subnets", "tcp-and-udp", "address-by-dhcp"]
    verdicts = {name: found[f"primary-l2/{name}"]["verdict"] for name in (*died, *lived)}
    assert verdicts == dict.fromkeys(died, "blocked") | dict.fromkeys(lived, "passed"), result.stdout
    assert {name: len(found[f"primary-l2/{name}"]["tests"]) for name in verdicts} == dict.fromkeys(verdicts, 1)
