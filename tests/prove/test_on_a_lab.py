"""Proofs on a real lab: a fault is found by its test, one that its test does not see is told, and nothing stays."""

import json
import subprocess
import sys

import pytest

from lab import preflight
from lab.config import LabConfig

LAB = "provetest"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(preflight.examine()), reason="this machine cannot hold a lab: python -m lab preflight"),
]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *argv], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def lab():
    started = run("lab", "up", "--name", LAB, "--workers", "1")
    assert started.returncode == 0, started.stderr
    yield LabConfig.load(LabConfig.new(LAB, 0).state)
    run("lab", "down", "--name", LAB)


def test_a_fault_is_found_and_the_clean_lab_passes(lab, tmp_path):
    done = run("conformance", "prove", "mtu-without-least", "--lab-name", LAB, "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    proofs = json.loads((tmp_path / "proofs.json").read_text())
    (proof,) = proofs["proofs"]
    assert (proofs["proved"], proof["requirement"]) == (True, "udn-api/mtu-bounds")
    assert "'mtu': 575" in proof["why"]
    assert json.loads((lab.state / "faults.json").read_text()) == []


def test_rules_come_back_when_their_fault_is_lifted(lab, tmp_path):
    network = {
        "apiVersion": "k8s.ovn.org/v1",
        "kind": "UserDefinedNetwork",
        "metadata": {"name": "tiny", "namespace": "default"},
        "spec": {"topology": "Layer2", "layer2": {"role": "Secondary", "subnets": ["10.9.0.0/16"], "mtu": 100}},
    }
    manifest = tmp_path / "tiny.json"
    manifest.write_text(json.dumps(network))

    def accepted() -> bool:
        kubectl = ["kubectl", "--kubeconfig", str(lab.kubeconfig), "create", "--dry-run=server", "-f", str(manifest)]
        return subprocess.run(kubectl, capture_output=True, check=False).returncode == 0

    def fault(*arguments: str) -> None:
        done = run("lab", "fault", *arguments, "--name", LAB)
        assert done.returncode == 0, done.stderr

    assert not accepted()
    fault("plant", "mtu-without-least")
    fault("plant", "network-editable")
    assert accepted()
    fault("lift", "network-editable")
    assert accepted(), "lifting one fault lifted another"
    fault("lift", "--all")
    assert not accepted()
