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
