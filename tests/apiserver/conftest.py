"""A real server process, and clients that nobody here wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from lab.config import LabConfig

Object = dict[str, Any]
PATIENCE = 60  # seconds until a stuck process fails a test; nothing here takes long


@dataclass
class Answer:
    """What the server answered."""

    status: int
    headers: urllib3.HTTPHeaderDict
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Server:
    """One server process on a state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        if not (state / "lab.json").exists():
            LabConfig.new("apiserver-tests", workers=1, state=state).save()
        self.start()

    def start(self) -> None:
        self._log = (self.state / "log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.apiserver", "--state", str(self.state)],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("apiserver ready at https://127.0.0.1:"), (self.state / "log").read_text()
        self.url = line.split()[-1]
        pki = self.state / "pki"
        self.pool = urllib3.PoolManager(
            ca_certs=str(pki / "ca.crt"), cert_file=str(pki / "admin.crt"), key_file=str(pki / "admin.key")
        )
        self.anonymous = urllib3.PoolManager(ca_certs=str(pki / "ca.crt"))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **headers: str
    ) -> Answer:
        """One request as administrator; ``token=…`` asks as the token's bearer instead."""
        token = headers.pop("token", None)
        pool = self.anonymous if token is not None else self.pool
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        headers = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = pool.request(method, self.url + path, body=data, headers=headers, retries=False, timeout=PATIENCE)
        return Answer(answer.status, answer.headers, answer.data)

    def get(self, path: str, **headers: str) -> Any:
        answer = self.call("GET", path, **headers)
        assert answer.status == 200, answer.raw
        return answer.body

    def post(self, path: str, body: Object, **headers: str) -> Any:
        answer = self.call("POST", path, body, **headers)
        assert answer.status == 201, answer.raw
        return answer.body


@dataclass
class Completed:
    """How a run of kubectl ended."""

    status: int
    out: str
    err: str


class Kubectl:
    """The real kubectl, as administrator."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self._kubeconfig = kubeconfig
        self._home = home

    def arguments(self, words: Sequence[str]) -> list[str]:
        return ["kubectl", "--kubeconfig", str(self._kubeconfig), "--cache-dir", str(self._home), *words]

    def run(self, *words: str, stdin: str = "") -> Completed:
        done = subprocess.run(
            self.arguments(words), input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    def __call__(self, *words: str, stdin: str = "") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.status == 0, f"kubectl {' '.join(words)}: {done.err}"
        return done.out

    def refused(self, *words: str, stdin: str = "") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.status != 0, f"kubectl {' '.join(words)} succeeded: {done.out}"
        return done.err

    def apply(self, *objects: Object, namespace: str = "default") -> str:
        return self("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(objects))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("apiserver"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def kubectl(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(server.kubeconfig, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture
def namespace(server: Server) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    server.post("/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def definition(group: str, plural: str, kind: str, spec: Object, **version: Any) -> Object:
    """A CustomResourceDefinition with one version, v1."""
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object", **OPEN}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": version.pop("scope", "Namespaced"),
            "names": {"plural": plural, "kind": kind, **version.pop("names", {})},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    **version,
                }
            ],
        },
    }


OPEN = {"x-kubernetes-preserve-unknown-fields": True}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
Define = Callable[..., str]


@pytest.fixture
def define(server: Server) -> Iterator[Define]:
    """Adds a custom kind ``Thing`` in a group of its own; gives the path of the group's version."""
    made: list[str] = []

    def add(spec: Object, **version: Any) -> str:
        group = f"g{uuid.uuid4().hex[:8]}.example"
        server.post(CRDS, definition(group, "things", "Thing", spec, **version))
        made.append(f"things.{group}")
        return f"/apis/{group}/v1"

    yield add
    for name in made:
        server.call("DELETE", f"{CRDS}/{name}")


def thing(base: str, name: str, spec: Object, **metadata: Any) -> Object:
    """An object of a kind that ``define`` added."""
    return {
        "apiVersion": base.removeprefix("/apis/"),
        "kind": "Thing",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }
