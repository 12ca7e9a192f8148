"""A real API server process with the controllers that VMs need, and nodes whose guests are make-believe.

The nodes' own rooms are tried elsewhere; here a stand-in says, over the API alone, what a kubelet and a virt-handler
would say.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.client import Client, Conflict, NotFound
from lab.config import LabConfig
from lab.controllers import garbage, kubevirt, manifests, namespaces, scheduling
from lab.controllers.kubevirt import conditions, phases
from lab.controllers.runtime import Context, Informers
from lab.faults.seams import Faults
from lab.resources import MIGRATIONS, NAMESPACES, NODES, PODS, VMIS, VMS, Resource

Object = dict[str, Any]
WORKERS = 2
NAMESPACE = "tenant"
LIMIT = 60  # seconds; only a failure takes so long


def start_api(state: Path) -> subprocess.Popen[str]:
    """An API server process for a fresh state directory, ready to answer."""
    # Without nodes of its own: virt-api then dials from this namespace, where the make-believe guests are.
    replace(LabConfig.new("kubevirt-test", WORKERS, state), nodes=()).save()
    command = [sys.executable, "-m", "lab.apiserver", "--state", str(state)]
    with (state / "apiserver.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "ready" in line, f"the API server did not start: {line!r}"
    return process


@asynccontextmanager
async def controllers(state: Path, faults: Faults | None = None) -> AsyncIterator[Context]:
    """The controllers at work, in this process, as those of the lab."""
    config = LabConfig.load(state)
    planted = faults or Faults.none()
    async with Client.from_kubeconfig(state / "pki" / "controllers.kubeconfig", "controllers", planted) as client:
        await manifests.install(client)
        context = Context(client, config, planted, Informers(client))
        running = []
        for room in (namespaces, garbage, scheduling, kubevirt):
            running.extend(await room.build(context))
        await context.informers.start()
        for controller in running:
            controller.start()
        try:
            yield context
        finally:
            await asyncio.gather(*(controller.stop() for controller in running))
            await context.informers.stop()
            for close in reversed(context.closers):
                await close()


class Nodes:
    """Make-believe nodes: pods run as soon as they are bound, guests as soon as they are handed over."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._informers = Informers(client)
        self._tasks: set[asyncio.Task[None]] = set()
        self.refuses_images: set[str] = set()
        self.fails_migration = ""
        self.holds_migration = False
        self.graces: dict[str, int | None] = {}

    async def start(self, endpoint: str = "127.0.0.1:1") -> None:
        """Register the workers, whose agents answer at ``endpoint``, and begin."""
        for number in range(1, WORKERS + 1):
            await manifests.ensure(self._client, NODES, _node(f"worker-{number}", endpoint))
        self._informers.of(PODS).on_change(lambda old, new: self._spawn(self._pod, new))
        self._informers.of(VMIS).on_change(lambda old, new: self._spawn(self._vmi, new))
        await self._informers.start()

    async def stop(self) -> None:
        """End what runs."""
        await self._informers.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Callable[[Object], Any], obj: Object | None) -> None:
        if obj is None:
            return
        task = asyncio.ensure_future(self._quietly(work, obj))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Callable[[Object], Any], obj: Object) -> None:
        with suppress(Conflict, NotFound):  # the next event tells again
            await work(obj)

    async def _pod(self, pod: Object) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        if phases.is_deleted(pod):
            await self._end_guest(pod)
            await self._client.delete(PODS, name, namespace, grace=0)
        elif pod["spec"].get("nodeName") and phases.phase(pod) in ("", "Pending"):
            images = {container["image"] for container in pod["spec"]["containers"]}
            unknown = images & self.refuses_images
            status = _waiting(unknown.pop()) if unknown else _running()
            if (pod.get("status") or {}).get("containerStatuses") != status["containerStatuses"]:
                await self._client.patch(PODS, name, namespace, {"status": status}, subresource="status")

    async def _end_guest(self, pod: Object) -> None:
        name = pod["metadata"]["labels"].get("vm.kubevirt.io/name")
        self.graces[name] = pod["metadata"].get("deletionGracePeriodSeconds")
        vmi = self._informers.of(VMIS).get(pod["metadata"]["namespace"], name)
        if vmi is None or phases.is_final(vmi) or vmi["status"].get("nodeName") != pod["spec"].get("nodeName"):
            return
        if phases.phase(vmi) in ("Scheduled", "Running"):
            await self.end(vmi, "Succeeded")

    async def end(self, vmi: Object, phase: str) -> None:
        """End a guest, whoever else writes about it meanwhile."""
        ended = False
        while not ended:
            vmi = await self._client.get(VMIS, vmi["metadata"]["name"], vmi["metadata"]["namespace"])
            phases.enter(vmi["status"], phase)
            with suppress(Conflict):
                await self._client.replace(VMIS, vmi)
                ended = True

    async def _vmi(self, vmi: Object) -> None:
        vmi = {**vmi, "status": dict(vmi.get("status") or {})}
        if phases.phase(vmi) == "Scheduled":
            phases.enter(vmi["status"], "Running")
            vmi["status"]["interfaces"] = [{"name": "default", "ipAddress": "127.0.0.1", "mac": "0a:58:0a:00:00:05"}]
            await self._client.replace(VMIS, vmi)
        state = dict(vmi["status"].get("migrationState") or {})
        if phases.phase(vmi) != "Running" or not state or phases.ended(state) or self.holds_migration:
            return
        if not state.get("targetNodeAddress"):
            state["targetNodeAddress"] = "172.19.0.12"
        elif not state.get("startTimestamp"):
            state["startTimestamp"] = conditions.timestamp()
        else:
            state.update(endTimestamp=conditions.timestamp(), completed=True)
            if self.fails_migration:
                state.update(failed=True, failureReason=self.fails_migration)
        vmi["status"]["migrationState"] = state
        await self._client.replace(VMIS, vmi)
        if phases.ended(state) and not state.get("failed"):
            ended = {"status": {"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False"}]}}
            namespace = vmi["metadata"]["namespace"]
            await self._client.patch(PODS, state["sourcePod"], namespace, ended, subresource="status")


async def until(
    client: Client, resource: Resource, name: str, met: Callable[[Object], bool], namespace: str = NAMESPACE
) -> Object:
    """The object as soon as it is as wanted; fails with what it was last."""
    last: Object = {}
    try:
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    last = await client.get(resource, name, namespace)
                    if met(last):
                        return last
                except NotFound:
                    last = {}
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{resource.kind} {name} never was as wanted; last: {last}") from None


async def no_pods(client: Client, labels: str, namespace: str = NAMESPACE) -> None:
    """Return when no pod has these labels."""
    async with asyncio.timeout(LIMIT):
        while (await client.list(PODS, namespace, labels))["items"]:  # noqa: ASYNC110 - the API is asked, not a flag
            await asyncio.sleep(0.02)


async def gone(client: Client, resource: Resource, name: str, namespace: str = NAMESPACE) -> None:
    """Return when there is no such object."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                await client.get(resource, name, namespace)
            except NotFound:
                return
            await asyncio.sleep(0.02)


def in_phase(phase: str) -> Callable[[Object], bool]:
    """A test for ``status.phase``."""
    return lambda obj: phases.phase(obj) == phase


def printed(word: str) -> Callable[[Object], bool]:
    """A test for ``status.printableStatus``."""
    return lambda vm: (vm.get("status") or {}).get("printableStatus") == word


async def make_namespace(client: Client, name: str = NAMESPACE) -> None:
    """A namespace for VMs."""
    await manifests.ensure(client, NAMESPACES, {"metadata": {"name": name}})


def vm(name: str, strategy: str = "Always", namespace: str = NAMESPACE, **spec: Any) -> Object:
    """A VM on the pod network by l2bridge."""
    template: Object = {
        "domain": {
            "memory": {"guest": "96Mi"},
            "devices": {"interfaces": [{"name": "default", "binding": {"name": "l2bridge"}}]},
        },
        "networks": [{"name": "default", "pod": {}}],
        "terminationGracePeriodSeconds": 5,
        **spec,
    }
    metadata = {"name": name, "namespace": namespace}
    return {"metadata": metadata, "spec": {"runStrategy": strategy, "template": {"spec": template}}}


def migration(name: str, vmi: str, namespace: str = NAMESPACE) -> Object:
    """A migration of a VMI."""
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"vmiName": vmi}}


async def running_vm(client: Client, name: str, strategy: str = "Always", **spec: Any) -> Object:
    """A VM whose guest runs and is ready."""
    await client.create(VMS, vm(name, strategy, **spec))
    return await until(client, VMS, name, lambda obj: bool((obj.get("status") or {}).get("ready")))


__all__ = ["MIGRATIONS", "VMIS", "VMS", "Nodes", "controllers", "gone", "migration", "running_vm", "start_api", "until"]


def _node(name: str, endpoint: str) -> Object:
    return {
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubevirt.io/schedulable": "true"},
            "annotations": {"lab.udn/kubelet-endpoint": endpoint},
        },
        "spec": {"podCIDR": "10.244.1.0/24"},
        "status": {
            "allocatable": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "capacity": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _running() -> Object:
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [{"name": "compute", "ready": True, "state": {"running": {}}}],
    }


def _waiting(image: str) -> Object:
    waiting = {"reason": "ErrImagePull", "message": f"the lab has no image {image}"}
    return {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [{"name": "volumedisk", "ready": False, "state": {"waiting": waiting}}],
    }
