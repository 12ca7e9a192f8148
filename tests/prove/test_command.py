"""The command in a process of its own, with a lab that only writes down what it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FAULTS = [
    {
        "name": "small-mtu",
        "says": "the API takes any MTU",
        "breaks": ["udn-api/mtu-bounds"],
        "message": "accepted",
        "run_options": [],
        "planted": False,
    }
]
#: Tells that it is up; its `up` gives a kubeconfig that leads nowhere, so that every run ends before its first test.
LAB = """
import json, os, sys
folder = os.environ["LAB_FOLDER"]
words = [word for word in sys.argv[1:] if not word.startswith("--name")]
with open(folder + "/calls", "a") as calls:
    print(" ".join(sys.argv[1:]), file=calls)
if sys.argv[1:3] == ["fault", "list"]:
    print(open(folder + "/faults").read())
elif sys.argv[1] == "status":
    sys.exit(os.path.exists(folder + "/down"))
elif sys.argv[1] == "up":
    hold = folder + "/hold"
    if os.path.exists(hold):
        open(hold).read()
    print(json.dumps({"kubeconfig": folder + "/nowhere", "run_options": [], "environment": "lab"}))
"""


@dataclass(frozen=True)
class Stage:
    folder: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "LAB_FOLDER": str(self.folder), "PYTHONPATH": f"{self.folder}:{REPOSITORY}"}
        argv = [sys.executable, "-m", "conformance", "prove", *arguments, "--out", str(self.folder / "out")]
        return subprocess.Popen(
            argv, env=environment, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        said, _ = process.communicate()
        return process.returncode, said

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    @property
    def proofs(self) -> dict:
        return json.loads((self.folder / "out" / "proofs.json").read_text())


@pytest.fixture
def stage(tmp_path):
    package = tmp_path / "lab"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(LAB)
    (tmp_path / "faults").write_text(json.dumps(FAULTS))
    return Stage(tmp_path)


def test_a_run_that_cannot_begin_proves_nothing_and_leaves_no_fault(stage):
    status, said = stage.run("udn-api/mtu-bounds", "--lab-name", "some")
    assert status == 1, said
    proof = stage.proofs["proofs"][0]
    assert (proof["requirement"], proof["fault"], proof["proved"]) == ("udn-api/mtu-bounds", "small-mtu", False)
    assert "preflight failed" in proof["why"]
    told = [call for call in stage.calls if call.startswith("fault") and "list" not in call]
    lift, plant = "fault lift --all --name some", "fault plant small-mtu --name some"
    assert told[:2] == [lift, plant]
    assert told[-1] == lift


def test_faults_are_planted_side_by_side(stage):
    more = [FAULTS[0] | {"name": f"small-mtu-{number}"} for number in range(3)]
    (stage.folder / "faults").write_text(json.dumps(more))
    status, said = stage.run("--labs", "2", "--lab-name", "some")
    assert status == 1, said
    assert sorted(proof["fault"] for proof in stage.proofs["proofs"]) == [fault["name"] for fault in more]
    for name in ("some", "some-2"):
        of_lab = [call.removesuffix(f" --name {name}") for call in stage.calls if call.endswith(f" --name {name}")]
        changes = [call for call in of_lab if call.startswith(("fault plant", "fault lift"))]
        assert changes[0] == "fault lift --all"
        assert changes[2::2] == ["fault lift --all"] * len(changes[1::2]), "a fault was planted beside another"


def test_no_lab_at_all_is_wrong_use(stage):
    status, said = stage.run("small-mtu", "--labs", "0")
    assert (status, "at least" in said) == (4, True)


def test_what_has_a_test_and_no_fault_is_unproved(stage):
    status, said = stage.run("udn-api/immutable")
    assert status == 1
    assert stage.proofs["unproved"] == ["udn-api/immutable"]
    assert "no fault is known that it catches" in said


def test_all_is_asked_for_unless_something_is_named(stage):
    (stage.folder / "faults").write_text("[]")
    status, _ = stage.run()
    assert status == 1
    assert "udn-api/immutable" in stage.proofs["unproved"]


def test_a_part_says_nothing_of_what_is_not_in_it(stage):
    (stage.folder / "faults").write_text("[]")
    status, _ = stage.run("--part", "1/3")
    assert (status, stage.proofs["unproved"], stage.proofs["part"]) == (0, [], "1/3")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["udn-api/mtu-bound"], "udn-api/mtu-bounds"),
        (["smal-mtu"], "small-mtu"),
        (["--part", "3/2"], "--part"),
        (["--workers"], "--workers"),
    ],
)
def test_wrong_use_is_told_in_a_line(stage, arguments, says):
    status, said = stage.run(*arguments)
    assert status in (2, 4)
    assert says in said
    assert "Traceback" not in said


def test_a_lab_that_talks_nonsense_is_told_of(stage):
    (stage.folder / "faults").write_text("nonsense")
    status, said = stage.run()
    assert status == 10
    assert "printed something else than faults" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_lifts_what_was_planted(stage, number):
    os.mkfifo(stage.folder / "hold")
    process = stage.start("small-mtu")
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "small-mtu" in said
    # Opens as soon as the run waits for its lab.
    with (stage.folder / "hold").open("w"):
        process.send_signal(number)
        said, _ = process.communicate()
    assert process.returncode == 2, said
    assert stage.proofs["interrupted"] is True
    told = [call for call in stage.calls if call.startswith("fault")]
    assert told[-2:] == ["fault plant small-mtu --name default", "fault lift --all --name default"]


def test_a_lab_of_its_own_is_not_tidied_but_taken_down(stage):
    (stage.folder / "down").touch()
    process = stage.start("small-mtu")
    assert process.stdout is not None
    until_planted = [process.stdout.readline(), process.stdout.readline()]
    assert "bringing lab default up" in until_planted[0]
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 2, said
    assert stage.calls[-1] == "down --name default"
