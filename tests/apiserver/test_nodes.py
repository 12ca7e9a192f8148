"""Requests about a pod's inside reach its node: logs, exec, port-forward."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from tests.apiserver.conftest import PATIENCE, Kubectl, Server
from tests.apiserver.upstream import Upstream, caller


async def node(request: web.Request) -> web.StreamResponse:
    """A node with one pod: tells what it was asked; exec answers like a shell, a forwarded port echoes."""
    assert caller(request) == "kube-apiserver-kubelet-client"
    if request.path.startswith("/containerLogs/"):
        return web.Response(text=f"{request.path} {request.query_string}\n")
    if request.path.startswith("/exec/"):
        return await execute(request)
    return await forward(request)


async def execute(request: web.Request) -> web.StreamResponse:
    channel = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
    await channel.prepare(request)
    words = " ".join(request.query.getall("command"))
    await channel.send_bytes(b"\x01" + f"{request.path} ran {words}\n".encode())
    await channel.send_bytes(b"\x02" + b"complaint\n")
    status = b'{"metadata":{},"status":"Success"}'
    if words == "false":
        status = (
            b'{"metadata":{},"status":"Failure","reason":"NonZeroExitCode","message":"exit code 7",'
            b'"details":{"causes":[{"reason":"ExitCode","message":"7"}]}}'
        )
    await channel.send_bytes(b"\x03" + status)
    await channel.close()
    return channel


async def forward(request: web.Request) -> web.StreamResponse:
    port = int(request.query["ports"])
    channel = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
    await channel.prepare(request)
    for number in (0, 1):
        await channel.send_bytes(bytes([number]) + port.to_bytes(2, "little"))
    if port == 81:
        await channel.send_bytes(b"\x01failed to connect to localhost:81")
        await channel.close()
        return channel
    async for message in channel:
        if message.data == b"\x00end\n":
            await channel.close()
        else:
            await channel.send_bytes(b"\x00" + message.data[1:].upper())
    return channel


@pytest.fixture(scope="module")
def kubelet(server: Server) -> Iterator[Upstream]:
    upstream = Upstream(server.state / "pki", "kubelet", "ca", node)
    endpoint = {"lab.udn/kubelet-endpoint": f"https://127.0.0.1:{upstream.port}"}
    server.post("/api/v1/nodes", {"metadata": {"name": "n1", "annotations": endpoint}})
    yield upstream
    server.call("DELETE", "/api/v1/nodes/n1")
    upstream.stop()


@pytest.fixture
def pod(server: Server, kubelet: Upstream, namespace: str) -> str:
    containers = [{"name": "one", "image": "i"}, {"name": "two", "image": "i"}]
    path = f"/api/v1/namespaces/{namespace}/pods"
    server.post(path, {"metadata": {"name": "p"}, "spec": {"containers": containers, "nodeName": "n1"}})
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    server.call("PATCH", f"{path}/p/status", {"status": status}, "application/merge-patch+json")
    return namespace


def test_logs(kubectl: Kubectl, server: Server, pod: str) -> None:
    told = kubectl("logs", "-n", pod, "p", "-c", "two", "--tail=5", "--timestamps")
    assert told == f"/containerLogs/{pod}/p/two tailLines=5&timestamps=true\n"
    path = f"/api/v1/namespaces/{pod}/pods/p/log"
    unclear = server.call("GET", path)
    assert unclear.body["message"] == "a container name must be specified for pod p, choose one of: [one two]"
    wrong = server.call("GET", f"{path}?container=three")
    assert (wrong.status, wrong.body["message"]) == (400, "container three is not valid for pod p")


def test_exec_carries_streams_and_the_exit_status(kubectl: Kubectl, pod: str) -> None:
    done = kubectl.run("exec", "-n", pod, "p", "-c", "one", "--", "echo", "a b")
    assert (done.status, done.out, done.err) == (0, f"/exec/{pod}/p/one ran echo a b\n", "complaint\n")
    assert kubectl.run("exec", "-n", pod, "p", "-c", "one", "--", "false").status == 7


def test_pods_without_a_node_are_told_so(server: Server, kubectl: Kubectl, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    spec = {"containers": [{"name": "c", "image": "i"}]}
    server.post(path, {"metadata": {"name": "p"}, "spec": spec})
    assert "pod p does not have a host assigned" in kubectl.refused("logs", "-n", namespace, "p")
    server.post(path, {"metadata": {"name": "q"}, "spec": {**spec, "nodeName": "nowhere"}})
    assert "its agent does not run" in kubectl.refused("logs", "-n", namespace, "q")


@contextmanager
def forwarding(kubectl: Kubectl, namespace: str, port: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        kubectl.arguments(["port-forward", "-n", namespace, "pod/p", f":{port}", "--address=127.0.0.1"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        yield int(found[1]), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_port_forward(kubectl: Kubectl, pod: str) -> None:
    with forwarding(kubectl, pod, 80) as (port, _):
        for round_trip in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"hello %d\n" % round_trip)
                assert connection.recv(100) == b"HELLO %d\n" % round_trip
                connection.sendall(b"end\n")
                assert connection.recv(100) == b""


def test_port_forward_tells_why_it_cannot(kubectl: Kubectl, pod: str) -> None:
    with forwarding(kubectl, pod, 81) as (port, process):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            assert connection.recv(100) == b""
        assert process.stderr is not None
        assert "failed to connect to localhost:81" in process.stderr.readline()
