"""A whole lab of this room's own, and kubectl for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.config import LabConfig

NAME = f"tests-nodes-{os.getpid()}"
PATIENCE = 60  # seconds: how long a test waits for what should take a fraction of one


@dataclass(frozen=True)
class Cluster:
    """A lab that is up."""

    config: LabConfig

    def kubectl(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        argv = ["kubectl", f"--kubeconfig={self.config.kubeconfig}", *arguments]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.kubectl(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ok("get", kind, name, "-n", namespace, "-o", "json"))
        return found

    def wait(self, namespace: str, pod: str, what: str) -> None:
        self.ok("wait", f"--for={what}", f"pod/{pod}", "-n", namespace, f"--timeout={PATIENCE}s")

    def start(self, namespace: str, name: str, *command: str, node: str = "worker-1", **more: Any) -> dict[str, Any]:
        """Create a pod of one container ``c``; ``more`` goes into the container, ``policy`` and ``grace`` the pod."""
        spec: dict[str, Any] = {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "restartPolicy": more.pop("policy", "Always"),
            "terminationGracePeriodSeconds": more.pop("grace", 30),
            "containers": [{"name": "c", "image": "localhost/lab-pod:latest", **more}],
        }
        if command:
            spec["containers"][0]["command"] = list(command)
        metadata = {"name": name, "namespace": namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.ok("create", "-f", "-", "--validate=false", stdin=json.dumps(pod))
        return self.get("pod", namespace, name)

    def sandbox(self, pod: dict[str, Any]) -> Path:
        return Path("/run/netns") / f"{self.config.prefix}-p-{pod['metadata']['uid'][:8]}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if os.geteuid() != 0 or shutil.which("kubectl") is None:
        pytest.skip("needs root and kubectl")
    lab = [sys.executable, "-m", "lab"]
    subprocess.run([*lab, "up", "--name", NAME, "--workers", "2"], check=True, timeout=300)
    yield Cluster(LabConfig.load(LabConfig.new(NAME, 2).state))
    subprocess.run([*lab, "down", "--name", NAME], check=True, timeout=60)


@pytest.fixture(scope="module")
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace on the default network."""
    yield from _namespace(cluster, request.module.__name__.rsplit("_", 1)[-1])


@pytest.fixture(scope="module")
def tenant(cluster: Cluster) -> Iterator[str]:
    """A namespace with a primary Layer2 network, 10.150.0.0/16."""
    made = _namespace(cluster, "tenant", {"k8s.ovn.org/primary-user-defined-network": ""})
    for name in made:
        network = {
            "apiVersion": "k8s.ovn.org/v1",
            "kind": "UserDefinedNetwork",
            "metadata": {"name": "net", "namespace": name},
            "spec": {"topology": "Layer2", "layer2": {"role": "Primary", "subnets": ["10.150.0.0/16"], "mtu": 1300}},
        }
        cluster.ok("create", "-f", "-", "--validate=false", stdin=json.dumps(network))
        yield name


def _namespace(cluster: Cluster, name: str, labels: dict[str, str] | None = None) -> Iterator[str]:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"nodes-{name}", "labels": labels or {}}}
    cluster.ok("create", "-f", "-", "--validate=false", stdin=json.dumps(body))
    yield f"nodes-{name}"
    cluster.ok("delete", "namespace", f"nodes-{name}", "--wait=false")
