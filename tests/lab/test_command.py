"""``python -m lab`` brings whole labs up and leaves nothing behind, however they end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import leftovers, processes, state
from lab.config import LabConfig

pytestmark = pytest.mark.lab
LIMIT = 120  # seconds; only a hang takes as long


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, **environment},
    )


class Lab:
    """A lab by name, driven by its command."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.config = LabConfig.new(name, 1)

    def up(self) -> dict[str, object]:
        answer = command("up", "--name", self.name, "--workers", "1", "--json")
        assert answer.returncode == 0, answer.stderr
        told: dict[str, object] = json.loads(answer.stdout)
        return told

    def down(self) -> subprocess.CompletedProcess[str]:
        return command("down", "--name", self.name)

    def status(self) -> tuple[int, dict[str, object]]:
        answer = command("status", "--name", self.name, "--json")
        return answer.returncode, json.loads(answer.stdout)

    def left(self) -> list[str]:
        return leftovers.look(self.config).describe()

    def process(self, name: str) -> int:
        """The pid of one of its processes, from the supervisor's own list."""
        told = state.read(self.config.state)
        assert told is not None
        if name == "supervisor":
            return told.pid
        return next(owned.pid for owned in told.processes if owned.name == name)


def ends(handle: int) -> bool:
    """Whether the process of a pidfd ends."""
    with os.fdopen(handle, "rb"):
        return bool(select.select([handle], [], [], LIMIT)[0])


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that tests share: each brings it up, which takes no time when it is up."""
    made = Lab(f"test-lab-{os.getpid()}")
    try:
        yield made
    finally:
        made.down()
        assert made.left() == []


@pytest.fixture
def other() -> Iterator[Lab]:
    """A lab of a test's own, not brought up yet."""
    made = Lab(f"test-other-{os.getpid()}")
    try:
        yield made
    finally:
        made.down()
        assert made.left() == []


def test_up_and_up_again(lab):
    told = lab.up()
    assert told["environment"] == "lab"
    assert Path(str(told["kubeconfig"])).is_file()
    assert "--image" in told["run_options"]
    assert told["remarks"] == []
    assert command("kubeconfig", "--name", lab.name).stdout.strip() == told["kubeconfig"]

    again = command("up", "--name", lab.name, "--json")
    assert again.returncode == 0
    assert "already up" in again.stderr
    assert json.loads(again.stdout) == told

    assert command("fault", "plant", "mtu-without-least", "--name", lab.name).returncode == 0
    broken = json.loads(command("up", "--name", lab.name, "--json").stdout)
    assert broken["remarks"] == ["Faults are planted in it: mtu-without-least."]
    assert (told["fault_changes"], broken["fault_changes"]) == (0, 1)
    assert command("fault", "lift", "--all", "--name", lab.name).returncode == 0

    exit_status, found = lab.status()
    assert (exit_status, found["phase"], found["error"], found["fault_changes"]) == (0, "ready", "", 2)
    assert {node["name"]: (node["ready"], node["chassis"]) for node in found["nodes"]} == {
        "control-plane": (True, True),
        "worker-1": (True, True),
    }
    named = {process["name"] for process in found["processes"]}
    assert {"supervisor", "apiserver", "controllers", "nodes", "ovn-northd", "ovs-vswitchd-worker-1"} <= named


def test_switches_tell_what_they_remember(lab):
    lab.up()
    told = command("switches", "--name", lab.name)
    assert told.returncode == 0, told.stderr
    for node in ("control-plane", "worker-1"):
        for title in (
            "dpctl/dump-flows --names",
            "dpctl/dump-conntrack",
            f"ovs-vswitchd-{node}.log, the last 50 lines",
        ):
            assert f"\n# {node}: {title}\n" in f"\n{told.stdout}"
    assert "not had" not in told.stdout


def test_second_lab_comes_and_goes_beside_the_first(lab, other):
    first, second = lab.up(), other.up()
    assert first["kubeconfig"] != second["kubeconfig"]
    assert other.down().returncode == 0
    assert other.left() == []
    assert lab.status()[1]["phase"] == "ready"

    again = other.down()
    assert again.returncode == 0
    assert f"there is no lab {other.name}" in again.stderr
    exit_status, found = other.status()
    assert (exit_status, found["phase"]) == (3, "down")


def test_unexpected_end_of_a_process_is_recorded_and_the_rest_runs_on(lab):
    lab.up()
    pid = lab.process("ovn-controller-worker-1")
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert ends(handle)
    # The supervisor records it a moment later.
    for _ in range(100):
        exit_status, found = lab.status()
        if found["phase"] == "degraded":
            break
    assert (exit_status, found["phase"]) == (0, "degraded")
    assert "process ovn-controller-worker-1 ended with signal 9" in str(found["error"])
    again = command("up", "--name", lab.name, "--json")
    assert again.returncode == 1
    assert f"lab {lab.name} is degraded: process ovn-controller-worker-1 ended with signal 9" in again.stderr
    assert f"python -m lab down --name {lab.name}" in again.stderr
    assert lab.down().returncode == 0


def test_killed_supervisor_takes_its_own_along_and_up_recovers(lab):
    lab.up()
    supervisor = lab.process("supervisor")
    handles = [os.pidfd_open(lab.process(name)) for name in ("apiserver", "ovn-northd", "ovs-vswitchd-worker-1")]
    os.kill(supervisor, signal.SIGKILL)
    assert all(ends(handle) for handle in handles)
    exit_status, found = lab.status()
    assert (exit_status, found["phase"]) == (3, "down")
    assert "killed" in str(found["error"])

    answer = command("up", "--name", lab.name, "--workers", "1", "--json")
    assert answer.returncode == 0, answer.stderr
    assert "clearing what an earlier lab left" in answer.stderr
    assert lab.status()[1]["phase"] == "ready"


def test_supervisor_that_is_told_to_end_removes_everything(lab):
    lab.up()
    assert processes.wait_end(lab.name, lab.process("supervisor"), signal.SIGTERM, LIMIT)
    assert lab.left() == []


def test_interrupt_while_coming_up_leaves_nothing(other):
    argv = [sys.executable, "-m", "lab", "up", "--name", other.name]
    coming = subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert coming.stderr is not None
    first = coming.stderr.readline()
    assert "ready" in first
    coming.send_signal(signal.SIGTERM)
    _, errors = coming.communicate(timeout=LIMIT)
    assert coming.returncode == 130, errors
    assert "interrupted" in errors
    assert other.left() == []


def test_component_that_fails_is_told_with_its_last_words(other, tmp_path):
    broken = tmp_path / "ovn-northd"
    broken.write_text("#!/bin/sh\necho cannot do that >&2\nexit 3\n")
    broken.chmod(0o755)
    answer = command("up", "--name", other.name, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert answer.returncode == 1
    assert "process ovn-northd ended with status 3: cannot do that" in answer.stderr
    assert processes.find(other.name) == []
    assert other.status()[1]["phase"] == "failed"


def test_faults_are_planted_and_lifted(other):
    other.config.save()
    one, two = "label-not-required", "in-use-network-deleted"

    def fault(*arguments: str) -> subprocess.CompletedProcess[str]:
        return command("fault", *arguments, "--name", other.name)

    assert fault("plant", one).returncode == 0
    assert fault("plant", two).returncode == 0
    assert json.loads((other.config.state / "faults.json").read_text()) == [one, two]
    assert fault("lift", one).returncode == 0
    refused = fault("lift", one)
    assert (refused.returncode, "not planted" in refused.stderr) == (1, True)
    known = json.loads(fault("list", "--json").stdout)
    assert [each["name"] for each in known if each["planted"]] == [two]
    unknown = fault("plant", "no-such-fault")
    assert (unknown.returncode, "there is no fault no-such-fault" in unknown.stderr) == (1, True)
    assert fault("lift", "--all").returncode == 0
    assert json.loads((other.config.state / "faults.json").read_text()) == []
