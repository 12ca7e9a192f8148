"""An upgrade that the lab plays, from the baseline to its removal, as a person goes through it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import preflight, state
from lab.config import LabConfig
from tests.upgrade.conftest import until

LAB = "upgradetest"
PARTS = ("apiserver", "controllers", "ovs-vswitchd-worker-1", "ovn-controller-worker-2", "ovsdb-control-plane")

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(preflight.examine()), reason="this machine cannot hold a lab: python -m lab preflight"),
]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *argv], capture_output=True, text=True, check=False)


def upgrade(what: str, out: Path, *more: str) -> list[str]:
    """The command line; no limit is judged here: how long a busy machine is silent proves nothing."""
    options = ["--lab-name", LAB, "--out", str(out), "--limit", "upgrade-silence=120"]
    return ["conformance", "upgrade", what, *options, *more]


@pytest.fixture(scope="module")
def lab():
    started = run("lab", "up", "--name", LAB)
    assert started.returncode == 0, started.stderr
    yield LabConfig.load(LabConfig.new(LAB, 0).state)
    run("lab", "down", "--name", LAB)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def prepared(lab: LabConfig, out: Path) -> LabConfig:
    """The lab with a baseline in it."""
    done = run(*upgrade("prepare", out))
    assert done.returncode == 0, done.stderr
    return lab


@dataclass(frozen=True)
class Played:
    """An upgrade that was played under the eyes of a watcher, whose summary ``told`` is."""

    status: int
    told: str
    watch: dict[str, Any]
    steps: str
    before: dict[str, int]
    after: dict[str, int]


@pytest.fixture(scope="module")
def played(prepared: LabConfig, out: Path) -> Played:
    before, file = pids(prepared), out / "upgrade-watch.json"
    watch = subprocess.Popen([sys.executable, "-m", *upgrade("watch", out)], stderr=subprocess.PIPE, text=True)
    until(lambda: watch.poll() is not None or (file.exists() and all(side["seen"] for side in _sides(file))))
    done = run("lab", "upgrade", "--name", LAB)
    after = pids(prepared)
    watch.send_signal(signal.SIGTERM)
    _, told = watch.communicate()
    assert done.returncode == 0, done.stderr
    return Played(watch.returncode, told, json.loads(file.read_text()), done.stderr, before, after)


def pids(lab: LabConfig) -> dict[str, int]:
    told = state.read(lab.state)
    assert told is not None
    assert told.phase == "ready", told.error
    return {owned.name: owned.pid for owned in told.processes}


def _sides(file: Path) -> list[dict[str, Any]]:
    sides: list[dict[str, Any]] = json.loads(file.read_text())["sides"]
    return sides


def test_without_a_baseline_nothing_is_verified(lab: LabConfig, out: Path) -> None:
    without = run(*upgrade("verify", out))
    assert without.returncode == 4
    assert "the cluster holds no baseline default" in without.stderr


def test_a_name_that_is_taken_is_refused(prepared: LabConfig, out: Path) -> None:
    again = run(*upgrade("prepare", out))
    assert again.returncode == 4
    assert "already; verify it" in again.stderr.splitlines()[-1]


def test_the_lab_restarts_all_but_the_nodes_agents_and_moves_every_machine(played: Played) -> None:
    assert all(played.after[name] != played.before[name] for name in PARTS)
    assert played.after["nodes"] == played.before["nodes"]
    assert played.steps.count(" moved from ") == 5


def test_the_watcher_outlives_its_connections(played: Played) -> None:
    assert played.status == 0, played.told
    assert played.watch["whole"] is True
    assert [side["sessions"] for side in played.watch["sides"]] == [1] * 6
    assert all(side["arrived"] for side in played.watch["sides"])


def test_all_is_verified_and_taken_away(played: Played, out: Path) -> None:
    verified = run(*upgrade("verify", out))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    entries = json.loads((out / "report.json").read_text())["requirements"]
    verdicts = {each["id"]: each["verdict"] for each in entries if "upgrade-baseline" in each["needs"]}
    assert list(verdicts.values()) == ["passed"] * 3, verdicts
    assert "removed baseline default" in verified.stderr
    assert "holds no baseline" in run(*upgrade("watch", out)).stderr
