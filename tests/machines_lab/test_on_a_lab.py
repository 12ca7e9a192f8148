"""The virt-handler on a whole lab: what users see of a guest's start, pause, move and end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lab import processes
from lab.config import LabConfig
from lab.guest import image

pytestmark = [pytest.mark.lab, pytest.mark.guest]

Object = dict[str, Any]

NAME = "tests-machines"
PATIENCE = 120  # seconds
_RUNNING = "jsonpath={.items[?(@.status.phase=='Running')].metadata.name}"
TENANT = """
apiVersion: v1
kind: Namespace
metadata: {name: green, labels: {k8s.ovn.org/primary-user-defined-network: ""}}
---
apiVersion: k8s.ovn.org/v1
kind: UserDefinedNetwork
metadata: {name: net, namespace: green}
spec: {topology: Layer2, layer2: {role: Primary, subnets: [10.200.0.0/24], ipam: {lifecycle: Persistent}}}
"""


class Lab:
    """A lab that is up, by kubectl."""

    def __init__(self, config: LabConfig) -> None:
        self.config = config

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        argv = ["kubectl", f"--kubeconfig={self.config.kubeconfig}", "--namespace=green", *arguments]
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def create(self, name: str, strategy: str = "Always", **interface: Any) -> None:
        devices = {"interfaces": [{"name": "default", **(interface or {"binding": {"name": "l2bridge"}})}]}
        spec = {
            "domain": {"memory": {"guest": "96Mi"}, "devices": devices},
            "networks": [{"name": "default", "pod": {}}],
            "terminationGracePeriodSeconds": 0,
        }
        vm = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"name": name},
            "spec": {"runStrategy": strategy, "template": {"spec": spec}},
        }
        self.kubectl("create", "-f", "-", given=json.dumps(vm))

    def await_(self, what: str, condition: str, *more: str) -> None:
        self.kubectl("wait", what, f"--for={condition}", f"--timeout={PATIENCE}s", *more)

    def vmi(self, name: str) -> Object:
        found: Object = json.loads(self.kubectl("get", "vmi", name, "-o", "json"))
        return found

    def machines(self, name: str) -> list[int]:
        """Pids of the QEMU processes of a VM of this lab."""
        found = []
        for pid in processes.find(NAME):
            with suppress(FileNotFoundError, ProcessLookupError):
                if f"guest=green_{name},debug-threads=on" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                    found.append(pid)
        return found


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab with one tenant."""
    if os.geteuid() != 0 or shutil.which("kubectl") is None:
        pytest.skip("needs root and kubectl")
    image.ensure()
    command = [sys.executable, "-m", "lab"]
    subprocess.run([*command, "up", "--name", NAME], check=True, timeout=PATIENCE)
    try:
        lab = Lab(LabConfig.load(LabConfig.new(NAME, 2).state))
        lab.kubectl("create", "-f", "-", given=TENANT)
        yield lab
    finally:
        subprocess.run([*command, "down", "--name", NAME], check=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def vm(lab: Lab) -> str:
    """A VM that runs."""
    lab.create("vm")
    lab.await_("vm/vm", "condition=Ready")
    return "vm"


def test_running_guest_is_described(lab: Lab, vm: str) -> None:
    status = lab.vmi(vm)["status"]
    [interface] = status["interfaces"]
    assert interface["ipAddress"].startswith("10.200.0.")
    assert interface["podInterfaceName"] == "ovn-udn1"
    assert len(lab.machines(vm)) == 1


def test_migration_leaves_one_machine_and_all_its_facts(lab: Lab, vm: str) -> None:
    before = lab.vmi(vm)
    migration = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "move"},
        "spec": {"vmiName": vm},
    }
    lab.kubectl("create", "-f", "-", given=json.dumps(migration))
    lab.await_("vmim/move", "jsonpath={.status.phase}=Succeeded")
    after = lab.vmi(vm)
    state = after["status"]["migrationState"]
    assert state["completed"]
    assert not state.get("failed")
    assert state["targetNode"] == after["status"]["nodeName"] != before["status"]["nodeName"]
    assert state["startTimestamp"] <= state["targetNodeDomainReadyTimestamp"] <= state["endTimestamp"]
    assert state["targetNodeAddress"] == lab.config.node(state["targetNode"]).address
    assert after["status"]["interfaces"] == before["status"]["interfaces"]
    lab.await_(f"pod/{state['sourcePod']}", "jsonpath={.status.phase}=Succeeded")
    assert len(lab.machines(vm)) == 1


def test_crash_is_told_and_the_vm_starts_anew(lab: Lab, vm: str) -> None:
    uid = lab.vmi(vm)["metadata"]["uid"]
    pod = lab.kubectl("get", "pods", "-l", f"kubevirt.io/created-by={uid}", "-o", _RUNNING)
    [qemu] = lab.machines(vm)
    os.kill(qemu, signal.SIGKILL)
    # By name alone the next VMI cannot be told from this one: its pod, whose name is made of the UID, can.
    lab.await_(f"pod/{pod}", "delete")
    events = lab.kubectl("get", "events", "-o", "jsonpath={.items[*].message}")
    assert "The VirtualMachineInstance crashed: QEMU was killed by signal 9" in events
    lab.await_("vm/vm", "condition=Ready")
    assert lab.vmi(vm)["metadata"]["uid"] != uid


def test_deleted_vm_leaves_no_machine_and_no_files(lab: Lab, vm: str) -> None:
    uid = lab.vmi(vm)["metadata"]["uid"]
    lab.kubectl("delete", "vm", vm, "--wait", f"--timeout={PATIENCE}s")
    lab.await_("pods", "delete", "--all")
    assert lab.machines(vm) == []
    assert not (lab.config.state / "vms" / uid).exists()


def test_what_cannot_run_says_why(lab: Lab) -> None:
    lab.create("odd", "Manual", sriov={})
    start = {"status": {"stateChangeRequests": [{"action": "Start"}]}}
    lab.kubectl("patch", "vm", "odd", "--subresource=status", "--type=merge", "-p", json.dumps(start))
    lab.await_("vmi/odd", "jsonpath={.status.phase}=Failed")
    assert "no binding sriov" in lab.vmi("odd")["status"]["reason"]
    lab.kubectl("delete", "vm", "odd", "--wait", f"--timeout={PATIENCE}s")
