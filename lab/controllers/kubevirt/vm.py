"""The controller of virtual machines: keeps a VMI as the run strategy demands, and tells the VM's status."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from typing import Any

from lab.client import AlreadyExists, Client, NotFound, Refused
from lab.controllers.kubevirt import conditions, instance, phases, vm_status
from lab.controllers.kubevirt.run_strategy import decide, run_strategy, start_requested
from lab.controllers.runtime import Controller, Informers, Key
from lab.faults.seams import Faults
from lab.resources import VMIS, VMS

Object = dict[str, Any]
Failure = tuple[str, str]

_LOG = logging.getLogger(__name__)


class VirtualMachines:
    """Reconciles VMs. Reads VMs and VMIs from informers, writes through the client."""

    def __init__(self, client: Client, informers: Informers, faults: Faults) -> None:
        self._client = client
        self._faults = faults
        self._vms = informers.of(VMS)
        self._vmis = informers.of(VMIS)

    def controller(self) -> Controller:
        """The queue that runs this reconciler."""
        return Controller("virtual-machines", self.reconcile).watch(self._vms).watch(self._vmis, _owner_key)

    async def reconcile(self, key: Key) -> float | None:
        """Bring one VM to where its spec wants it; returns the seconds after which to look again."""
        vm = self._vms.get(key.namespace, key.name)
        if vm is None:
            return None
        vmi = self._vmis.get(key.namespace, key.name)
        if vmi is not None and not instance.is_owned_by(vmi, vm):
            foreign: Failure = ("FailedCreate", f"VMI {key.name} exists already and is not owned by this VM")
            await self._write_status(vm, None, foreign)
            return None
        if phases.is_deleted(vm):
            await self._finish(vm, vmi)
            return None
        if instance.VM_FINALIZER not in vm["metadata"].get("finalizers", ()):
            await self._add_finalizer(vm)
            return None
        return await self._follow_strategy(vm, vmi)

    async def _follow_strategy(self, vm: Object, vmi: Object | None) -> float | None:
        decision = self._faults.decide("vm.run-strategy", decide(vm, vmi), vm=vm["metadata"]["name"])
        failure: Failure | None = ("FailedCreate", decision.refusal) if decision.refusal else None
        if run_strategy(vm) == "Halted" and vmi is None and start_requested(vm):
            # A paused start of a halted VM arrives as a request; from now on the VM is to run.
            running = {"runStrategy": "Always"} if vm["spec"].get("runStrategy") else {"running": True}
            await self._client.patch(VMS, *_place(vm), {"spec": running})
            return None
        if decision.action == "start":
            try:
                vmi = await self._start(vm)
            except Refused as error:
                failure = ("FailedCreate", f"Error encountered while creating VMI: {error.message}")
        elif decision.action == "stop" and vmi is not None:
            vmi = await self._stop(vm, vmi)
            if decision.then_start:
                vm = _with_start_request(vm)
        await self._write_status(vm, vmi, failure)
        if vmi is not None and phases.is_final(vmi):
            await self._release(vmi)
        if failure is not None and decision.action == "start":
            return 1.0
        return decision.retry_after or None

    async def _start(self, vm: Object) -> Object:
        vmi = self._faults.alter("vm.instance", instance.instance_of(vm), vm=vm["metadata"]["name"])
        try:
            created = await self._client.create(VMIS, vmi)
        except AlreadyExists:
            # The informer lags behind our own creation.
            return await self._client.get(VMIS, *_place(vm))
        await self._client.event(
            vm,
            "Normal",
            "SuccessfulCreate",
            f"Started the virtual machine by creating the new virtual machine instance {vm['metadata']['name']}",
        )
        return created

    async def _stop(self, vm: Object, vmi: Object) -> Object:
        uid = vmi["metadata"]["uid"]
        try:
            await self._client.delete(VMIS, *_place(vmi), preconditions=uid)
        except NotFound:
            return vmi
        message = f"Stopped the virtual machine by deleting the virtual machine instance {uid}"
        await self._client.event(vm, "Normal", "SuccessfulDelete", message)
        stopped = copy.deepcopy(vmi)
        stopped["metadata"].setdefault("deletionTimestamp", conditions.timestamp())
        return stopped

    async def _finish(self, vm: Object, vmi: Object | None) -> None:
        if vmi is not None:
            if not phases.is_deleted(vmi):
                vmi = await self._stop(vm, vmi)
            await self._write_status(vm, vmi, None)
            if phases.is_final(vmi):
                await self._release(vmi)
            return
        finalizers = [item for item in vm["metadata"].get("finalizers", ()) if item != instance.VM_FINALIZER]
        await self._set_finalizers(vm, finalizers)

    async def _add_finalizer(self, vm: Object) -> None:
        await self._set_finalizers(vm, [*vm["metadata"].get("finalizers", ()), instance.VM_FINALIZER])

    async def _set_finalizers(self, obj: Object, finalizers: list[str]) -> None:
        metadata = obj["metadata"]
        if finalizers == metadata.get("finalizers", []):
            return
        body = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
        resource = VMIS if obj["kind"] == VMIS.kind else VMS
        try:
            await self._client.patch(resource, *_place(obj), body)
        except NotFound:
            _LOG.debug("%s %s is gone already", obj["kind"], metadata["name"])

    async def _release(self, vmi: Object) -> None:
        # The VM has taken note of how its VMI ended: it may go.
        finalizers = vmi["metadata"].get("finalizers", [])
        await self._set_finalizers(vmi, [item for item in finalizers if item != instance.VM_ON_VMI_FINALIZER])

    async def _write_status(self, vm: Object, vmi: Object | None, failure: Failure | None) -> None:
        status = vm_status.next_status(vm, vmi, failure)
        if status == vm.get("status"):
            return
        await self._client.replace(VMS, {**vm, "status": status}, subresource="status")


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["name"], obj["metadata"]["namespace"]


def _with_start_request(vm: Object) -> Object:
    status = dict(vm.get("status") or {})
    status["stateChangeRequests"] = [{"action": "Start"}]
    return {**vm, "status": status}


def _owner_key(vmi: Object) -> Iterable[Key]:
    # By name, not by owner: a VM must also learn of a VMI that stands in its way.
    return (Key(vmi["metadata"]["namespace"], vmi["metadata"]["name"]),)
