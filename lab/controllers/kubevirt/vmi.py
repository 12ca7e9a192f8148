"""The controller of VMIs: makes the launcher pod, hands the VMI to its node's virt-handler, clears up at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from lab.client import AlreadyExists, Client, NotFound, Refused
from lab.controllers.kubevirt import conditions, launcher, migratable, phases, vmi_status
from lab.controllers.kubevirt.instance import VMI_FINALIZER, is_owned_by, with_defaults
from lab.controllers.kubevirt.settings import settings
from lab.controllers.runtime import Controller, Informers, Key, key_of
from lab.faults.seams import Faults
from lab.resources import KUBEVIRTS, NODES, PODS, VMIS, VMS

Object = dict[str, Any]
Failure = tuple[str, str]

_LOG = logging.getLogger(__name__)


class Instances:
    """Reconciles VMIs. Reads from informers, writes through the client."""

    def __init__(self, client: Client, informers: Informers, faults: Faults) -> None:
        self._client = client
        self._faults = faults
        self._vmis = informers.of(VMIS)
        self._vms = informers.of(VMS)
        self._pods = informers.of(PODS)
        self._nodes = informers.of(NODES)
        self._kubevirts = informers.of(KUBEVIRTS)

    def controller(self) -> Controller:
        """The queue that runs this reconciler."""
        return (
            Controller("virtual-machine-instances", self.reconcile)
            .watch(self._vmis)
            .watch(self._pods, _vmi_of_pod)
            .watch(self._vms)
            .watch(self._nodes, self._vmis_on_node)
            .watch(self._kubevirts, self._unfinished)
        )

    async def reconcile(self, key: Key) -> float | None:
        """Bring one VMI a step on; returns the seconds after which to look again."""
        vmi = self._vmis.get(key.namespace, key.name)
        if vmi is None:
            return None
        if VMI_FINALIZER not in vmi["metadata"].get("finalizers", ()) and not phases.phase(vmi):
            await self._client.replace(VMIS, with_defaults(vmi))
            return None
        pods = self._pods_of(vmi)
        failure: Failure | None = None
        again: float | None = None
        if phases.is_deleted(vmi):
            await self._delete_pods(vmi, pods)
        elif not pods and phases.phase(vmi) in ("", "Pending"):
            failure = await self._place(vmi)
            again = 5.0 if failure else None
        await self._write(vmi, pods, failure)
        return again

    async def _place(self, vmi: Object) -> Failure | None:
        """Create the launcher pod; why not, if that cannot be."""
        plugin = migratable.unregistered_plugin(vmi, settings(self._kubevirts).plugins)
        if plugin is not None:
            return (
                "FailedCreate",
                f"failed to render launch manifest: unable to find the network binding plugin '{plugin}' in "
                "Kubevirt configuration",
            )
        try:
            pod = launcher.launcher_pod(vmi)
            pod = self._faults.alter("vm.launcher-pod", pod, vm=vmi["metadata"]["name"], migration=False)
            pod = await self._client.create(PODS, pod)
        except AlreadyExists:
            return None
        except Refused as error:
            await self._client.event(vmi, "Warning", "FailedCreate", f"Error creating pod: {error.message}")
            return "FailedCreate", f"failed to create virtual machine pod: {error.message}"
        message = f"Created virtual machine pod {pod['metadata']['name']}"
        await self._client.event(vmi, "Normal", "SuccessfulCreate", message)
        return None

    async def _delete_pods(self, vmi: Object, pods: tuple[Object, ...]) -> None:
        """Have the pods shut down: their node's virt-handler ends the guest within the grace given."""
        grace = vmi["spec"].get("terminationGracePeriodSeconds")
        for pod in pods:
            if phases.is_deleted(pod):
                continue
            metadata = pod["metadata"]
            try:
                # Never 0: that would take the pod out of the API before its guest is gone.
                seconds = None if grace is None else max(1, grace)
                await self._client.delete(PODS, metadata["name"], metadata["namespace"], grace=seconds)
            except NotFound:
                continue
            message = f"Deleted virtual machine pod {metadata['name']}"
            await self._client.event(vmi, "Normal", "SuccessfulDelete", message)

    async def _write(self, vmi: Object, pods: tuple[Object, ...], failure: Failure | None) -> None:
        vm = self._vms.get(vmi["metadata"]["namespace"], vmi["metadata"]["name"])
        around = vmi_status.Surroundings(
            pods=pods,
            plugins=settings(self._kubevirts).plugins,
            has_vm=vm is not None and is_owned_by(vmi, vm),
            node_lost=self._node_is_lost(vmi),
            failure=failure,
        )
        fresh = vmi_status.next_vmi(vmi, around)
        if fresh == vmi:
            return
        try:
            await self._client.replace(VMIS, fresh)
        except NotFound:
            _LOG.debug("VMI %s is gone already", key_of(vmi))

    def _pods_of(self, vmi: Object) -> tuple[Object, ...]:
        uid = vmi["metadata"]["uid"]
        return tuple(
            pod for pod in self._pods.list() if pod["metadata"].get("labels", {}).get(launcher.CREATED_BY) == uid
        )

    def _node_is_lost(self, vmi: Object) -> bool:
        name = (vmi.get("status") or {}).get("nodeName")
        if not name:
            return False
        node = self._nodes.get(None, name)
        if node is None:
            return True
        ready = conditions.find(node, "Ready")
        lost = ready is not None and ready["status"] == "Unknown"
        return self._faults.decide("vm.node-lost", lost, vm=vmi["metadata"]["name"], node=name)

    def _vmis_on_node(self, node: Object) -> Iterable[Key]:
        name = node["metadata"]["name"]
        return [key_of(vmi) for vmi in self._vmis.list() if (vmi.get("status") or {}).get("nodeName") == name]

    def _unfinished(self, kubevirt: Object) -> Iterable[Key]:
        return [key_of(vmi) for vmi in self._vmis.list() if not phases.is_final(vmi)]


def _vmi_of_pod(pod: Object) -> Iterable[Key]:
    metadata = pod["metadata"]
    name = metadata.get("labels", {}).get("vm.kubevirt.io/name")
    return (Key(metadata["namespace"], name),) if name else ()
