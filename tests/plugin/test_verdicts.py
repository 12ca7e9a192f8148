"""Every verdict, and the same reason in every place where results stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plugin import junit
from tests.plugin.conftest import Suites

EVERY_VERDICT = """
from conformance.verdicts import Blocked, Lifted, NotApplicable

@verifies("persistence/restart-keeps-address")
def test_good():
    pass

@verifies("primary-l2/mtu")
def test_bad():
    assert 1400 == 1342, "the guest's MTU is 1342 instead of 1400"

@pytest.mark.xdist_group("limits")
@verifies("limits/virtctl-ssh")
def test_confirmed():
    pass

@verifies("limits/port-forward")
def test_lifted():
    raise Lifted("port-forward reached the VM")

@verifies("primary-l2/egress")
def test_lacks_outside():
    raise RuntimeError("is never run")

@verifies("primary-l2/tcp-and-udp")
def test_lacks_something_found_late():
    raise NotApplicable("passt", "the VM has no passt")

@verifies("primary-l2/same-node")
def test_blocked():
    raise Blocked("no node has room for two VMs")

@pytest.fixture
def pair():
    try:
        raise ConnectionError("no route to the API")
    except ConnectionError as error:
        raise RuntimeError("the VMs did not come up") from error

@verifies("primary-l2/address-from-subnet")
def test_setup_breaks(pair):
    pass

@pytest.fixture
def messy():
    yield
    raise RuntimeError("the namespace does not go")

@verifies("primary-l2/address-by-dhcp")
def test_cleanup_breaks(messy):
    pass

@verifies("persistence/stop-start-keeps-address")
def test_wait_runs_out():
    raise TimeoutError("VM a/b not Running after 360 s: last seen Starting")
"""

EXPECTED = {
    "persistence/restart-keeps-address": ("passed", ""),
    "primary-l2/mtu": ("failed", "the guest's MTU is 1342 instead of 1400"),
    "limits/virtctl-ssh": ("confirmed", ""),
    "limits/port-forward": ("lifted", "port-forward reached the VM"),
    "primary-l2/egress": ("not applicable", "outside: no --outside address is given"),
    "primary-l2/tcp-and-udp": ("not applicable", "passt: the VM has no passt"),
    "primary-l2/same-node": ("blocked", "no node has room for two VMs"),
    "primary-l2/address-from-subnet": ("blocked", "the VMs did not come up; first cause: ConnectionError: no route"),
    "primary-l2/address-by-dhcp": ("blocked", "clean-up broke: RuntimeError: the namespace does not go"),
    "persistence/stop-start-keeps-address": ("failed", "VM a/b not Running after 360 s"),
    "udn-api/immutable": ("not covered", ""),
}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_every_verdict_stands_everywhere_with_its_reason(suites: Suites, workers: tuple[str, ...]) -> None:
    suites.write("test_all.py", EVERY_VERDICT)
    result = suites.run(*workers)
    assert result.status == 1, result.stdout + result.stderr
    cases = _junit(result.out / "junit.xml")
    allure = _allure(result.out / "allure-results")
    page = (result.out / "report.html").read_text()
    for id, (verdict, reason) in EXPECTED.items():
        found = result.requirement(id)
        assert found["verdict"] == verdict, id
        assert reason in found["reason"], id
        if verdict == "not covered":
            assert id in result.report["notCovered"]
            continue
        assert cases[id]["verdict"] == verdict
        assert cases[id].get("reason", "") == found["reason"]
        if reason:
            first = reason.partition("; first cause")[0].removeprefix("clean-up broke: RuntimeError: ")
            assert reason.replace("'", "&#39;") in page
            assert first in allure[id]
            assert reason in result.stdout
    assert result.report["exitStatus"] == 1
    assert result.report["result"] == "failure"


def _junit(file: Path) -> dict[str, dict[str, str]]:
    """Properties of each test case, by requirement."""
    every = junit.cases(file).values()
    return {id: {name: values[0] for name, values in each.items()} for each in every for id in each["requirement"]}


def _allure(folder: Path) -> dict[str, str]:
    """Message of each result, by story."""
    found = {}
    for file in folder.glob("*-result.json"):
        result = json.loads(file.read_text())
        message = (result.get("statusDetails") or {}).get("message", "")
        stories = [label["value"] for label in result["labels"] if label["name"] == "story"]
        found.update(dict.fromkeys(stories, message))
    return found


def test_a_lifted_limitation_can_be_reported_without_failing(suites: Suites) -> None:
    suites.write("test_all.py", EVERY_VERDICT)
    result = suites.run("--limitations=report", "--require", "limits/*")
    assert result.status == 0, result.stdout
    assert result.requirement("limits/port-forward")["verdict"] == "lifted"
    assert _junit(result.out / "junit.xml")["limits/port-forward"]["reason"] == "port-forward reached the VM"


def test_lifted_from_a_test_of_a_behaviour_is_a_failure(suites: Suites) -> None:
    suites.write(
        "test_all.py",
        "from conformance.verdicts import Lifted\n"
        "@verifies('primary-l2/mtu')\ndef test_mtu():\n    raise Lifted('all is fine')\n",
    )
    result = suites.run("--limitations=report")
    assert result.status == 1
    found = result.requirement("primary-l2/mtu")
    assert found["verdict"] == "failed"
    assert "is not a limitation" in found["reason"]


def test_a_requirement_takes_the_worst_of_its_tests(suites: Suites) -> None:
    suites.write(
        "test_all.py",
        "pytestmark = verifies('primary-l2/mtu')\ndef test_one():\n    pass\ndef test_two():\n    assert False, 'no'\n",
    )
    found = suites.run().requirement("primary-l2/mtu")
    assert found["verdict"] == "failed"
    assert [test["verdict"] for test in found["tests"]] == ["passed", "failed"]


def test_a_worker_that_dies_leaves_its_test_blocked(suites: Suites) -> None:
    suites.write(
        "test_all.py",
        "import os\n@verifies('primary-l2/mtu')\ndef test_dies():\n    os._exit(3)\n"
        "@verifies('primary-l2/same-node')\ndef test_lives():\n    pass\n",
    )
    result = suites.run("-n", "1")
    assert result.status == 1
    found = result.requirement("primary-l2/mtu")
    assert found["verdict"] == "blocked"
    assert "crashed" in found["reason"]
    assert result.requirement("primary-l2/same-node")["verdict"] == "passed"
    assert "crashed" in _allure(result.out / "allure-results")["primary-l2/mtu"]


def test_a_reason_keeps_its_middle(suites: Suites) -> None:
    suites.write(
        "test_all.py",
        "class Told:\n    def __repr__(self):\n        return 'from here ' + 'on and ' * 50 + 'to there'\n"
        "@verifies('primary-l2/mtu')\ndef test_bad():\n    assert 15 < 2, Told()\n",
    )
    reason = suites.run().requirement("primary-l2/mtu")["reason"]
    assert reason.startswith("from here on and on and")
    assert "..." not in reason
    assert reason.endswith("to there; assert 15 < 2")


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_commands_are_asked_about_a_failure_alone(suites: Suites, workers: tuple[str, ...]) -> None:
    suites.write(
        "test_all.py",
        "@verifies('primary-l2/mtu')\ndef test_fails():\n    assert False\n"
        "@verifies('primary-l2/same-node')\ndef test_passes():\n    pass\n",
    )
    asked = ("--on-failure", "switch of worker-1=echo 12 flows", "--on-failure", "spine=no-such-command")
    result = suites.run(*asked, *workers)
    assert result.status == 1
    (test,) = result.requirement("primary-l2/mtu")["tests"]
    (kept,) = [file for file in test["evidence"] if "switch-of-worker-1" in file]
    assert (result.out / kept).read_text() == "12 flows\n"
    assert any("snapshot: spine: FileNotFoundError" in note for note in test["notes"])
    assert not (result.out / "evidence" / "test-all-py-test-passes").exists()
