"""A cluster without nodes: the real API server, the real controllers and the databases of a real OVN, as processes.

What nodes do is played over the API where a test needs it: a pod is given a node or a phase.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.client import Client, NotFound
from lab.config import LabConfig
from lab.controllers.manifests import ensure
from lab.fabric import daemons
from lab.fabric.model import Port
from lab.fabric.northbound import Northbound
from lab.faults.seams import Faults
from lab.resources import CUDNS, NADS, NAMESPACES, NODES, PODS, UDNS, VMIS, Resource

Object = dict[str, Any]

LABEL = "k8s.ovn.org/primary-user-defined-network"
LIMIT = 15


class Processes:
    """The processes of one cluster; each says on standard output that it is ready."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._databases: list[Path] = []
        LabConfig.new("controllers-test", 2, state).save()

    def start(self) -> None:
        """Start all."""
        central = self.state / "central"
        central.mkdir()
        for name, schema in (("nb", daemons.NORTHBOUND_SCHEMA), ("sb", daemons.SOUTHBOUND_SCHEMA)):
            subprocess.run(["ovsdb-tool", "create", str(central / f"{name}.db"), str(schema)], check=True)
            argv = [*daemons.database(central, name), "--detach", "--no-chdir"]
            environment = {**os.environ, **daemons.environment(central)}
            subprocess.run(argv, check=True, stderr=subprocess.DEVNULL, env=environment)
            self._databases.append(central / f"{name}.ctl")
        self.start_module("lab.apiserver")
        self.start_module("lab.controllers")

    def start_module(self, module: str) -> None:
        """Start a process of the lab and wait until it says that it is ready."""
        log = (self.state / f"{module}.log").open("a")
        argv = [sys.executable, "-m", module, "--state", str(self.state)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready" in line, (self.state / f"{module}.log").read_text()
        self._running[module] = process

    def stop_module(self, module: str) -> None:
        """End a process in good order."""
        process = self._running.pop(module)
        process.terminate()
        assert process.wait(LIMIT) == 0
        if process.stdout is not None:
            process.stdout.close()

    def logs(self, lines: int = 15) -> str:
        """The end of each process's log."""
        found = []
        for log in sorted(self.state.glob("*.log")):
            found += [f"-- {log.name}", *log.read_text().splitlines()[-lines:]]
        return "\n".join(found)

    def stop(self) -> None:
        """End all."""
        for module in reversed(tuple(self._running)):
            self.stop_module(module)
        for control in self._databases:
            subprocess.run(["ovs-appctl", "-t", str(control), "exit"], check=True)


class Cluster:
    """Verbs of the tests: each returns when what it says is so."""

    def __init__(self, client: Client, config: LabConfig) -> None:
        self.client = client
        self.config = config
        self.northbound = Northbound(config.northbound, Faults.none())

    async def add_nodes(self) -> None:
        """Register the lab's nodes as their agents would."""
        for node in self.config.nodes:
            taints = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
            await ensure(
                self.client,
                NODES,
                {
                    "metadata": {
                        "name": node.name,
                        "labels": {"kubernetes.io/hostname": node.name, "kubevirt.io/schedulable": "true"},
                    },
                    "spec": {"taints": taints} if node.control_plane else {},
                    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                },
            )

    async def namespace(self, name: str, labelled: bool = True, **labels: str) -> None:
        """A namespace, labelled for a primary network."""
        found = {LABEL: "", **labels} if labelled else labels
        await self.client.create(NAMESPACES, {"metadata": {"name": name, "labels": found}})

    async def udn(self, namespace: str, name: str, subnet: str = "10.20.0.0/24", **layer2: Any) -> None:
        """A primary Layer2 network of a namespace."""
        spec = {"topology": "Layer2", "layer2": {"role": "Primary", "subnets": [subnet], **layer2}}
        await self.client.create(UDNS, {"metadata": {"name": name, "namespace": namespace}, "spec": spec})

    async def cudn(self, name: str, selector: Object, subnet: str = "10.30.0.0/24", **layer2: Any) -> None:
        """A primary Layer2 network of the namespaces that a selector selects."""
        network = {"topology": "Layer2", "layer2": {"role": "Primary", "subnets": [subnet], **layer2}}
        spec = {"namespaceSelector": selector, "network": network}
        await self.client.create(CUDNS, {"metadata": {"name": name}, "spec": spec})

    async def ready_udn(self, namespace: str, name: str, subnet: str = "10.20.0.0/24", **layer2: Any) -> None:
        """The same, and its condition says that it was created."""
        await self.udn(namespace, name, subnet, **layer2)
        await self.until(UDNS, name, namespace, is_created)

    async def pod(self, namespace: str, name: str, **spec: Any) -> None:
        """A pod."""
        await self.client.create(PODS, pod(namespace, name, **spec))

    async def connected(self, namespace: str, name: str) -> dict[str, Object]:
        """The networks of a pod, once it has them."""
        found = await self.until(PODS, name, namespace, lambda obj: bool(networks(obj)))
        return networks(found)

    async def phase(self, namespace: str, name: str, phase: str) -> None:
        """What a kubelet says of a pod."""
        await self.client.patch(PODS, name, namespace, {"status": {"phase": phase}}, subresource="status")

    async def remove_pod(self, namespace: str, name: str) -> None:
        """Delete a pod, as a kubelet that has ended it confirms."""
        await self.client.delete(PODS, name, namespace, grace=0)
        await self.gone(PODS, name, namespace)

    async def until(
        self, resource: Resource, name: str, namespace: str | None, met: Callable[[Object], bool]
    ) -> Object:
        """The object as soon as it is as wanted; fails with what it was last."""
        last: Object = {}
        try:
            async with asyncio.timeout(LIMIT):
                while True:
                    try:
                        last = await self.client.get(resource, name, namespace)
                        if met(last):
                            return last
                    except NotFound:
                        last = {}
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{resource.kind} {namespace}/{name} never was as wanted; last: {last}") from None

    async def gone(self, resource: Resource, name: str, namespace: str | None = None) -> None:
        """Return when there is no such object."""
        last: Object = {}
        try:
            async with asyncio.timeout(LIMIT):
                while True:
                    last = await self.client.get(resource, name, namespace)
                    await asyncio.sleep(0.01)
        except NotFound:
            return
        except TimeoutError:
            raise AssertionError(f"{resource.kind} {namespace}/{name} is still there: {last}") from None

    async def port(self, network: str, name: str, met: Callable[[Port | None], bool]) -> Port | None:
        """A port of the northbound database as soon as it is as wanted."""
        last: Port | None = None
        try:
            async with asyncio.timeout(LIMIT):
                while True:
                    ports = await self.northbound.ports(network)
                    last = next((port for port in ports if port.name == name), None)
                    if met(last):
                        return last
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"port {name} of {network} never was as wanted; last: {last}") from None

    async def event(self, namespace: str, name: str, reason: str) -> str:
        """The message of an event about an object."""
        fields = f"involvedObject.name={name}"
        async with asyncio.timeout(LIMIT):
            while True:
                answer = await self.client.request(
                    "GET", f"/api/v1/namespaces/{namespace}/events?fieldSelector={fields}"
                )
                for item in answer["items"]:
                    if item["reason"] == reason:
                        return str(item["message"])
                await asyncio.sleep(0.01)

    async def launcher(self, namespace: str, machine: str, beside: str | None = None) -> str:
        """The name of the launcher pod of a VM, other than ``beside``, once there is one that has a node."""
        async with asyncio.timeout(LIMIT):
            while True:
                answer = await self.client.list(PODS, namespace, labels=f"vm.kubevirt.io/name={machine}")
                for item in answer["items"]:
                    alive = item.get("status", {}).get("phase") not in ("Succeeded", "Failed")
                    if alive and item["spec"].get("nodeName") and item["metadata"]["name"] != beside:
                        return str(item["metadata"]["name"])
                await asyncio.sleep(0.01)

    async def vmi(self, namespace: str, name: str, **status: Any) -> None:
        """Change a VMI's status as a virt-handler would."""
        await self.client.patch(VMIS, name, namespace, {"status": status})


def pod(namespace: str, name: str, **spec: Any) -> Object:
    """A pod's manifest."""
    containers = [{"name": "main", "image": "busybox"}]
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"containers": containers, **spec}}


def networks(pod: Object) -> dict[str, Object]:
    """A pod's networks annotation."""
    text = (pod["metadata"].get("annotations") or {}).get("k8s.ovn.org/pod-networks")
    return dict(json.loads(text)) if text else {}


def condition(obj: Object, type_: str = "NetworkCreated") -> Object:
    """A condition of an object, or nothing."""
    found = (obj.get("status") or {}).get("conditions") or []
    return next((one for one in found if one["type"] == type_), {})


def is_created(obj: Object) -> bool:
    """Whether a network has reached NetworkCreated."""
    return bool(condition(obj).get("status") == "True")


def refused_with(message: str) -> Callable[[Object], bool]:
    """A test for the condition False with this in its message."""
    return lambda obj: condition(obj).get("status") == "False" and message in condition(obj)["message"]


def attachment_config(nad: Object) -> Object:
    """The CNI configuration in an attachment."""
    return dict(json.loads(nad["spec"]["config"]))


__all__ = ["CUDNS", "NADS", "UDNS", "Cluster", "Processes"]
