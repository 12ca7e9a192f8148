"""A shell in a pod, as the suite uses it, through the API server and the node."""

from __future__ import annotations

import pytest

from conformance.kube.api import Api
from conformance.machines.pod_shell import PodShell
from conformance.machines.shell import CommandTimedOut, Output, ShellError
from tests.nodes.conftest import PATIENCE, Cluster

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def shell(cluster: Cluster, namespace: str) -> PodShell:
    cluster.start(namespace, "idle", "sleep", "infinity")
    cluster.wait(namespace, "idle", "condition=Ready")
    return PodShell(Api.connect(cluster.config.kubeconfig), namespace, "idle")


def test_status_and_both_streams_come_back(shell: PodShell) -> None:
    assert shell.run("echo one; echo two >&2; exit 3", PATIENCE) == Output(3, "one\ntwo\n")


def test_what_runs_on_does_not_hold_the_command(shell: PodShell) -> None:
    shell.run("setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $! > /tmp/pid", PATIENCE)
    assert shell.run("kill $(cat /tmp/pid)", PATIENCE).ok


def test_udp_is_spoken(shell: PodShell) -> None:
    assert "OpenBSD" in shell.run("/usr/bin/nc -h", PATIENCE).text


def test_a_command_that_does_not_end_is_told(shell: PodShell) -> None:
    with pytest.raises(CommandTimedOut, match="did not end within 1 s"):
        shell.run("sleep 300", 1)


def test_a_pod_that_is_not_there_is_told(shell: PodShell) -> None:
    with pytest.raises(ShellError, match="none: `true` could not be run"):
        PodShell(shell.api, shell.namespace, "none").run("true", PATIENCE)
