"""Waiting for a VM to run, and giving up early when it plainly will not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.kube.api import Api
from conformance.kube.waits import TimedOut
from conformance.machines.boot import BootFailed, wait_running
from conformance.timeouts import Timeouts
from conformance.verdicts import Blocked
from tests.kube.small_api import SmallApi

VMS = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines"
VMIS = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances"
HEAD = {"name": "vm", "namespace": "ns", "uid": "u1"}
READY = {"type": "Ready", "status": "True"}


@pytest.fixture
def server(tmp_path) -> Iterator[SmallApi]:
    server = SmallApi(tmp_path)
    yield server
    server.close()


def api_of(server, **limits: float) -> Api:
    return Api.connect(server.kubeconfig, timeouts=Timeouts.load(overrides=limits))


def put_vm(server, status):
    server.put(VMS, {"metadata": HEAD, "status": {"printableStatus": status}})


def put_vmi(server, phase, *conditions):
    server.put(VMIS, {"metadata": HEAD, "status": {"phase": phase, "conditions": list(conditions)}})


def test_a_vm_that_runs_is_waited_for(server):
    put_vm(server, "Starting")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(wait_running, api_of(server), "ns", "vm")
        while not server.watching():
            threading.Event().wait(0.01)
        put_vmi(server, "Running")
        put_vm(server, "Running")
        put_vmi(server, "Running", READY)
        put_vm(server, "Running")
        assert running.result(10)["status"]["phase"] == "Running"


@pytest.mark.parametrize(
    ("status", "error"),
    [("ErrImagePull", Blocked), ("CrashLoopBackOff", BootFailed), ("ErrorUnschedulable", Blocked)],
)
def test_trouble_that_lasts_ends_the_wait_early(server, status, error):
    put_vm(server, status)
    put_vmi(
        server,
        "Scheduling",
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no\nnode"},
    )
    limits = {"vm-trouble": 0.3, "vm-running": 60}
    with pytest.raises(error) as caught:
        wait_running(api_of(server, **limits), "ns", "vm")
    assert str(caught.value) == (
        f"VirtualMachine ns/vm will not start: VM: printableStatus {status}; VMI: phase Scheduling; "
        "PodScheduled=False (Unschedulable: no node)"
    )


def test_trouble_that_passes_is_sat_out(server):
    put_vm(server, "ErrorUnschedulable")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(wait_running, api_of(server), "ns", "vm")
        while not server.watching():
            threading.Event().wait(0.01)
        put_vmi(server, "Running", READY)
        put_vm(server, "Running")
        assert running.result(10)["status"]["phase"] == "Running"


def test_a_vmi_that_failed_ends_the_wait(server):
    put_vm(server, "Starting")
    put_vmi(server, "Failed")
    with pytest.raises(BootFailed, match="its VMI failed"):
        wait_running(api_of(server), "ns", "vm")


def test_a_vm_that_never_boots_is_told_with_its_state(server):
    put_vm(server, "Starting")
    put_vmi(server, "Scheduled")
    with pytest.raises(
        TimedOut, match=r"no running, ready VMI within 0.3 s .*printableStatus Starting; VMI: phase Sch"
    ):
        wait_running(api_of(server, **{"vm-running": 0.3}), "ns", "vm")
