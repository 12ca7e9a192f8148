"""A small API server on a real socket, and a folder of suites to run against it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.catalog.loader import catalog
from conformance.compare import read

REPOSITORY = Path(__file__).parents[2]


def node(name: str, **labels: str) -> dict[str, Any]:
    """A node that can run VMs."""
    return {
        "metadata": {"name": name, "labels": {"kubevirt.io/schedulable": "true", **labels}},
        "spec": {"podCIDRs": ["10.244.0.0/24"]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"osImage": "Test Linux 1"}},
    }


def kubevirt(available: str = "True", **binding: Any) -> dict[str, Any]:
    """A KubeVirt object."""
    return {
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {"configuration": {"network": {"binding": binding or {"l2bridge": {}}}}},
        "status": {
            "observedKubeVirtVersion": "v1.6.0",
            "conditions": [{"type": "Available", "status": available, "message": "components are not ready"}],
        },
    }


def served(*plurals: str) -> dict[str, Any]:
    """What one group and version serves."""
    return {"resources": [{"name": plural} for plural in plurals]}


def whole_cluster() -> dict[str, Any]:
    """Answers of a cluster with everything that the suites of the first profiles need."""
    return {
        "/version": {"gitVersion": "v1.33.0"},
        "/apis": {"groups": [{"name": "k8s.ovn.org"}]},
        "/api/v1/namespaces": {"items": []},
        "/api/v1/nodes": {"items": [node("worker-1"), node("worker-2")]},
        "/apis/kubevirt.io/v1": served("kubevirts", "virtualmachines"),
        "/apis/kubevirt.io/v1/kubevirts": {"items": [kubevirt()]},
        "/apis/k8s.ovn.org/v1": served("userdefinednetworks", "clusteruserdefinednetworks"),
        "/apis/k8s.ovn.org/v1/userdefinednetworks": {"items": []},
        "/apis/k8s.ovn.org/v1/clusteruserdefinednetworks": {"items": []},
        "/apis/k8s.cni.cncf.io/v1": served("network-attachment-definitions"),
        "/apis/k8s.cni.cncf.io/v1alpha1": served("ipamclaims"),
        "/apis/apps/v1/daemonsets": {"items": []},
    }


ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass
class Cluster:
    """The server and its kubeconfig."""

    kubeconfig: Path
    server: str
    answers: dict[str, Any] = field(default_factory=whole_cluster)
    refuse: int | None = None
    rights: Callable[[dict[str, Any]], bool] = lambda attributes: True
    posted: list[str] = field(default_factory=list)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that answers what ``answers`` has, 404 for the rest, and ``refuse`` for all when that is set.

    What is posted is kept by its path; all but reviews of access is forbidden.
    """
    found: list[Cluster] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here = found[0]
            body = here.answers.get(self.path.partition("?")[0])
            self._answer(here.refuse or (200 if body is not None else 404), body)

        def do_POST(self) -> None:
            here = found[0]
            here.posted.append(self.path)
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == ACCESS_REVIEWS:
                allowed = here.rights(asked["spec"]["resourceAttributes"])
                self._answer(here.refuse or 200, {"status": {"allowed": allowed}})
            else:
                self._answer(403, None)

        def _answer(self, code: int, body: Any) -> None:
            content = json.dumps(body if code == 200 else {"kind": "Status", "code": code, "message": "no"}).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    kubeconfig = tmp_path / "cluster" / "kubeconfig"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_for(address)))
    found.append(Cluster(kubeconfig, address))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found[0]
    server.shutdown()
    server.server_close()
    thread.join()


def kubeconfig_for(address: str) -> dict[str, Any]:
    """A kubeconfig for a server that wants no credentials, with a token nevertheless."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {"token": "token-of-the-kubeconfig"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me"}}],
    }


@dataclass
class Result:
    """How a run ended."""

    status: int
    stdout: str
    stderr: str
    out: Path

    @cached_property
    def report(self) -> dict[str, Any]:
        """report.json, which follows its schema and agrees with itself."""
        return dict(read(self.out / "report.json", catalog()).document)

    def requirement(self, id: str) -> dict[str, Any]:
        """One requirement of report.json."""
        return next(each for each in self.report["requirements"] if each["id"] == id)


@dataclass
class Suites:
    """A folder of suites with the project's own pytest.ini."""

    folder: Path
    out: Path
    cluster: Cluster

    def write(self, name: str, source: str) -> None:
        """Add a file of tests."""
        (self.folder / name).write_text("import pytest\nfrom conformance import verifies\n" + source)

    def command(self, *arguments: str, kubeconfig: bool = True) -> list[str]:
        """The command that runs them."""
        chosen = ["--kubeconfig", str(self.cluster.kubeconfig), "--virtctl", str(virtctl(self.folder.parent))]
        place = [str(self.folder), "--out", str(self.out)]
        return [sys.executable, "-m", "pytest", *place, *(chosen if kubeconfig else []), *arguments]

    def run(self, *arguments: str, kubeconfig: bool = True) -> Result:
        """Run them to the end."""
        done = subprocess.run(
            self.command(*arguments, kubeconfig=kubeconfig),
            capture_output=True,
            text=True,
            cwd=self.folder.parent,
            env=environment(),
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr, self.out)


def environment() -> dict[str, str]:
    """This process' environment without what would steer the inner pytest."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBECONFIG"))}


def virtctl(folder: Path) -> Path:
    """A program that answers ``virtctl version --client``."""
    program = folder / "virtctl"
    if not program.exists():
        program.write_text("#!/bin/sh\necho 'Client Version: version.Info{GitVersion:\"v1.6.0\"}'\n")
        program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI system that runs these tests is not to be told of theirs."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def suites(tmp_path: Path, cluster: Cluster) -> Suites:
    """Empty suites below ``tmp_path``; the fixtures of the real suites are not loaded."""
    folder = tmp_path / "suites"
    folder.mkdir()
    ini = (REPOSITORY / "suites" / "pytest.ini").read_text().replace("    -p fixtures.plugin\n", "")
    (folder / "pytest.ini").write_text(ini)
    return Suites(folder, tmp_path / "out", cluster)


InProcess = Callable[..., tuple[int, str]]


@pytest.fixture
def in_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> InProcess:
    """Runs a file of tests up to its collection, in a pytest of its own in this process; status and stderr."""

    def run(source: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
        (tmp_path / "test_all.py").write_text("import pytest\nfrom conformance import verifies\n" + source)
        place = ["-c", str(tmp_path / "pytest.ini"), "--rootdir", str(tmp_path), str(tmp_path)]
        chosen = ["--kubeconfig", "/nonexistent", "--out", str(tmp_path / "out"), "-p", "conformance.plugin"]
        status = pytest.main([*place, *chosen, *arguments])
        return int(status), capfd.readouterr().err.replace("ERROR: ", "")

    return run
