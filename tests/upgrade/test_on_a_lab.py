"""An upgrade that the lab plays, from the baseline to its removal, as a person goes through it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

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


@pytest.fixture(scope="module")
def lab():
    started = run("lab", "up", "--name", LAB)
    assert started.returncode == 0, started.stderr
    yield LabConfig.load(LabConfig.new(LAB, 0).state)
    run("lab", "down", "--name", LAB)


def upgrade(what: str, out: Path, *more: str) -> list[str]:
    """The command line; no limit is judged here: how long a busy machine is silent proves nothing."""
    options = ["--lab-name", LAB, "--out", str(out), "--limit", "upgrade-silence=120"]
    return ["conformance", "upgrade", what, *options, *more]


def pids(lab: LabConfig) -> dict[str, int]:
    told = state.read(lab.state)
    assert told is not None
    assert told.phase == "ready", told.error
    return {owned.name: owned.pid for owned in told.processes}


def test_an_upgrade_from_beginning_to_end(lab: LabConfig, tmp_path: Path) -> None:
    without = run(*upgrade("verify", tmp_path))
    assert without.returncode == 4
    assert "the cluster holds no baseline default" in without.stderr
    prepared = run(*upgrade("prepare", tmp_path))
    assert prepared.returncode == 0, prepared.stderr
    again = run(*upgrade("prepare", tmp_path))
    assert again.returncode == 4
    assert "already; verify it" in again.stderr.splitlines()[-1]

    before, seen = pids(lab), tmp_path / "upgrade-watch.json"
    watch = subprocess.Popen([sys.executable, "-m", *upgrade("watch", tmp_path)], stderr=subprocess.PIPE, text=True)
    until(lambda: watch.poll() is not None or (seen.exists() and all(_seen(seen))))
    played = run("lab", "upgrade", "--name", LAB)
    assert played.returncode == 0, played.stderr
    assert played.stderr.count(" moved from ") == 5
    after = pids(lab)
    assert all(after[name] != before[name] for name in PARTS)
    assert after["nodes"] == before["nodes"]
    watch.send_signal(signal.SIGTERM)
    _, told = watch.communicate()
    assert watch.returncode == 0, told
    assert len(_seen(seen)) == 6

    verified = run(*upgrade("verify", tmp_path))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    entries = json.loads((tmp_path / "report.json").read_text())["requirements"]
    verdicts = {each["id"]: each["verdict"] for each in entries if "upgrade-baseline" in each["needs"]}
    assert list(verdicts.values()) == ["passed"] * 3, verdicts
    assert "removed baseline default" in verified.stderr
    assert "holds no baseline" in run(*upgrade("watch", tmp_path)).stderr


def _seen(file: Path) -> list[str | None]:
    """When each side of a session was last seen."""
    return [side["seen"] for side in json.loads(file.read_text())["sides"]]
