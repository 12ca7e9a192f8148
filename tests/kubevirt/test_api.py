"""KubeVirt's API as a user meets it through the API server: refusals, columns, streams to a VM, lost nodes."""

from __future__ import annotations

import shutil
import socketserver
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from lab.client import Client, Refused
from lab.controllers.kubevirt.virtapi.discovery import BASE
from lab.kubeconfig import load_access
from lab.resources import NODES
from tests.kubevirt.cluster import (
    MIGRATIONS,
    NAMESPACE,
    VMIS,
    VMS,
    Nodes,
    gone,
    in_phase,
    migration,
    printed,
    running_vm,
    until,
    vm,
)
from tests.kubevirt.conftest import Run

AsUser = Callable[[Callable[[Client], Awaitable[None]]], None]


@asynccontextmanager
async def user(state: Path) -> AsyncIterator[Client]:
    """A client that is no component of the lab."""
    async with Client.from_kubeconfig(state / "kubeconfig", "a-user") as client:
        yield client


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a TCP service that gives back what it gets."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while data := self.request.recv(1024):
                self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_user_may_not_edit_a_vmi(run: Run, state: Path) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "edited")
        async with user(state) as person:
            with pytest.raises(Refused, match="update of VMI object is restricted") as caught:
                await person.patch(VMIS, "edited", NAMESPACE, {"spec": {"hostname": "other"}})
            assert caught.value.code == 422
            labels = {"kubevirt.io/nodeName": "elsewhere"}
            with pytest.raises(Refused, match="reserved"):
                await person.patch(VMIS, "edited", NAMESPACE, {"metadata": {"labels": labels}})
            await person.patch(VMIS, "edited", NAMESPACE, {"metadata": {"labels": {"mine": "yes"}}})

    run(scenario)


def test_a_wrong_vm_is_refused_with_the_reason(run: Run, state: Path) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        devices = {"interfaces": [{"name": "default"}]}
        wrong = vm("wrong", domain={"devices": devices})
        with pytest.raises(Refused, match="logical default interface must have exactly one binding method") as caught:
            await client.create(VMS, wrong)
        assert caught.value.code == 422

    run(scenario)


def test_migrations_that_cannot_be_are_refused(run: Run, state: Path) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        with pytest.raises(Refused, match=f'the VMI "{NAMESPACE}/nobody" does not exist'):
            await client.create(MIGRATIONS, migration("of-nobody", "nobody"))
        await running_vm(client, "busy")
        nodes.holds_migration = True
        try:
            await client.create(MIGRATIONS, migration("first", "busy"))
            with pytest.raises(Refused, match="in-flight migration detected"):
                await client.create(MIGRATIONS, migration("second", "busy"))
            async with user(state) as person:
                with pytest.raises(Refused, match="update of Migration object's spec is restricted"):
                    await person.patch(MIGRATIONS, "first", NAMESPACE, {"spec": {"vmiName": "other"}})
            await client.delete(VMS, "busy", NAMESPACE)
            await gone(client, VMS, "busy")
        finally:
            nodes.holds_migration = False

    run(scenario)


def test_a_lost_node_fails_its_machines_which_start_elsewhere(run: Run) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "survivor")
        first = await client.get(VMIS, "survivor", NAMESPACE)
        node = first["status"]["nodeName"]
        lost = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
        await client.patch(NODES, node, None, lost, subresource="status")
        try:
            await until(client, VMIS, "survivor", lambda obj: obj["metadata"]["uid"] != first["metadata"]["uid"])
            await until(client, VMS, "survivor", printed("Running"))
            assert (await client.get(VMIS, "survivor", NAMESPACE))["status"]["nodeName"] != node
        finally:
            found = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            await client.patch(NODES, node, None, found, subresource="status")

    run(scenario)


def test_a_port_of_a_vm_is_forwarded(run: Run, state: Path, echo: int) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "server")  # its address is the loopback's: see Nodes
        access = load_access(state / "kubeconfig")
        base = f"{access.server}{BASE}/namespaces/{NAMESPACE}"
        connector = aiohttp.TCPConnector(ssl=access.tls or True)
        async with aiohttp.ClientSession(connector=connector) as session:
            for kind in ("virtualmachines", "virtualmachineinstances"):
                url = f"{base}/{kind}/server/portforward/{echo}/tcp"
                async with session.ws_connect(url, protocols=("plain.kubevirt.io",)) as socket:
                    assert socket.protocol == "plain.kubevirt.io"
                    await socket.send_bytes(b"hello")
                    assert await socket.receive_bytes() == b"hello"
            async with session.get(f"{base}/virtualmachines/server/portforward/1/tcp") as answer:
                assert answer.status == 500
                assert (await answer.json())["message"].startswith("Internal error occurred: dialing VM: dial tcp")

    run(scenario)


def test_only_the_api_server_may_speak_for_users(run: Run, state: Path) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        endpoints = await client.request("GET", "/api/v1/namespaces/kubevirt/endpoints/virt-api")
        port = endpoints["subsets"][0]["ports"][0]["port"]
        async with aiohttp.ClientSession() as session:
            url = f"https://127.0.0.1:{port}{BASE}/namespaces/{NAMESPACE}/virtualmachines/any/start"
            async with session.put(url, ssl=False, headers={"X-Remote-User": "kubernetes-admin"}) as answer:
                assert answer.status == 401

    run(scenario)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
def test_the_columns_of_kubectl(run: Run, state: Path) -> None:
    async def scenario(client: Client, nodes: Nodes) -> None:
        await running_vm(client, "shown")
        await client.create(MIGRATIONS, migration("shown-move", "shown"))
        await until(client, MIGRATIONS, "shown-move", in_phase("Succeeded"))

    run(scenario)
    command = ["kubectl", "--kubeconfig", str(state / "kubeconfig"), "-n", NAMESPACE, "get"]

    def columns(kind: str, name: str, *more: str) -> list[str]:
        output = subprocess.run([*command, kind, name, *more], capture_output=True, text=True, check=True).stdout
        return output.splitlines()[0].split()

    assert columns("vm", "shown") == ["NAME", "AGE", "STATUS", "READY"]
    assert columns("vmi", "shown") == ["NAME", "AGE", "PHASE", "IP", "NODENAME", "READY"]
    assert columns("vmi", "shown", "-o", "wide")[-2:] == ["LIVE-MIGRATABLE", "PAUSED"]
    assert columns("vmim", "shown-move") == ["NAME", "PHASE", "VMI"]
