"""The two ends of a live migration: a guest that leaves this node, and one that arrives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from lab.client import NotFound
from lab.controllers.kubevirt import conditions, phases
from lab.nodes.context import NodeContext
from lab.nodes.machines import migration
from lab.nodes.machines.machine import Machine
from lab.nodes.machines.migration import Listener, MigrationFailed
from lab.nodes.machines.monitor import MachineError
from lab.nodes.virt_handler import status
from lab.nodes.virt_handler.describe import Attachment
from lab.nodes.virt_handler.instance import Instance
from lab.nodes.virt_handler.launch import lives_here
from lab.resources import PODS

Object = dict[str, Any]
T = TypeVar("T")

TARGET_READY = "kubevirt.io/migration-target-ready-timestamp"
# KubeVirt's means to have a source give up a migration whose target is prepared.
FORCED_FAILURE = "kubevirt.io/func-test-force-launcher-migration-failure"
_LOG = logging.getLogger(__name__)
_TRANSFER_LIMIT = 60.0  # seconds for the guest's memory
_READY_LIMIT = 10.0  # seconds for the target to tell that the guest runs there
_CANCEL_PAUSE = 0.2


class Departure:
    """A guest's way to another node, seen from the node it leaves."""

    def __init__(self, context: NodeContext, instance: Instance, machine: Machine, vmi: Object) -> None:
        self._context = context
        self._instance = instance
        self._machine = machine
        self._state: Object = vmi["status"]["migrationState"]
        self._uid = str(self._state["migrationUid"])
        self._gives_up = FORCED_FAILURE in (vmi["metadata"].get("annotations") or {})
        self._abort: asyncio.Task[None] | None = None
        self.done = False
        """Whether the guest has left."""
        self.over = False

    @staticmethod
    def is_due(vmi: Object, node: str, pod: str) -> bool:
        """Whether the VMI's guest is to leave ``pod`` on ``node`` now."""
        state = (vmi.get("status") or {}).get("migrationState") or {}
        if phases.ended(state) or state.get("startTimestamp") or state.get("sourceNode") != node:
            return False
        mine = state.get("sourcePod") in (pod, "", None)
        return mine and bool(state.get("targetNodeAddress") or state.get("abortRequested"))

    def on_instance(self, vmi: Object) -> None:
        """The VMI has changed: perhaps the migration is called off."""
        state = status.migration_state(vmi, self._uid)
        if state.get("abortRequested") and self._abort is None and not self.over:
            self._abort = asyncio.create_task(self._keep_cancelling())

    async def run(self) -> None:
        """Move the guest; what came of it stands in the VMI afterwards."""
        began = asyncio.create_task(self._tell(startTimestamp=conditions.timestamp()))
        try:
            await self._transfer()
            self.done = True
            await began
            await self._conclude()
        except MigrationFailed as error:
            await began
            await self._stay(str(error))
        except MachineError as error:
            # The machine's end is told by whoever lives with it.
            _LOG.warning("%s: %s", self._instance.place, error)
        finally:
            self.over = True
            began.cancel()
            if self._abort is not None:
                self._abort.cancel()

    async def _transfer(self) -> None:
        state = self._state
        await asyncio.sleep(self._context.config.conduct.pace.migrate)
        if self._abort is not None or state.get("abortRequested"):
            raise MigrationFailed("called off")
        if self._gives_up:
            raise MigrationFailed(f"annotation {FORCED_FAILURE} asks for it")
        transfer = await migration.send(self._machine, _stream(self._context, self._uid), _TRANSFER_LIMIT)
        _LOG.info(
            "%s: moved to %s in %.2f s, %.0f ms of them still, %.1f MB",
            *(self._instance.place, state["targetNode"], transfer.total, transfer.downtime * 1000),
            transfer.bytes / 1e6,
        )

    async def _conclude(self) -> None:
        """Wait for the target's word, which must stand in the VMI before the migration counts as completed."""
        vmi: Object | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_LIMIT):
                vmi = await self._instance.wait_for(self._settled)
        if vmi is not None and status.migration_state(vmi, self._uid).get("targetNodeDomainReadyTimestamp"):
            await self._tell(endTimestamp=conditions.timestamp(), completed=True)
            node = self._state["targetNode"]
            await self._instance.event("Normal", "Migrated", f"The VirtualMachineInstance migrated to node {node}.")
        elif vmi is not None or self._instance.get() is not None:
            why = "the guest left its node and did not arrive at the other"
            await self._instance.update(lambda vmi: status.ended(vmi, False, why))

    def _settled(self, vmi: Object) -> bool:
        state = status.migration_state(vmi, self._uid)
        return not state or phases.ended(state) or bool(state.get("targetNodeDomainReadyTimestamp"))

    async def _stay(self, why: str) -> None:
        facts: Object = {"endTimestamp": conditions.timestamp(), "completed": True, "failed": True}
        if self._abort is not None or self._state.get("abortRequested"):
            facts["abortStatus"] = "Succeeded"
            why = "Live migration has been aborted"
        name = self._instance.name
        if not self._context.faults.decide("migration.source-goes-on", True, vm=name, node=self._context.node.name):
            await self._machine.pause()
        await self._tell(**facts, failureReason=why)
        message = f"VirtualMachineInstance migration uid {self._uid} failed. reason: {why}"
        await self._instance.event("Warning", "Migrated", message)

    async def _tell(self, **facts: object) -> None:
        await self._instance.update(lambda vmi: status.with_migration(vmi, self._uid, **facts))

    async def _keep_cancelling(self) -> None:
        # A cancel that comes before QEMU has begun has no effect.
        with suppress(MachineError):
            while not self.over:
                await migration.cancel(self._machine)
                await asyncio.sleep(_CANCEL_PAUSE)


class Arrival:
    """A guest's way here, seen from the node it comes to."""

    def __init__(self, context: NodeContext, instance: Instance, pod: Object, uid: str) -> None:
        self._context = context
        self._instance = instance
        self._pod = pod
        self._uid = uid

    async def run(self, machine: Machine, nics: tuple[Attachment, ...]) -> None:
        """Receive the guest into ``machine``; :class:`MigrationFailed` if it does not come, or does not stay."""
        held_back = self._context.faults.decide(
            "migration.activate", 0.0, vm=self._instance.name, node=self._context.node.name
        )
        await migration.prepare_target(machine, announce=not held_back)
        await self._receive(machine)
        lives_here(machine)
        await asyncio.gather(self._report(nics), self._mark_pod())
        if held_back:
            await asyncio.sleep(held_back)
            await migration.announce(machine)
        vmi = await _unless_ended(machine, self._instance.wait_for(self._is_over))
        if vmi is None or status.migration_state(vmi, self._uid).get("failed"):
            raise MigrationFailed("the source says that the migration failed")

    async def failed(self, why: str) -> None:
        """Tell that this end of the migration does not work."""
        facts = {"endTimestamp": conditions.timestamp(), "completed": True, "failed": True, "failureReason": why}
        await self._instance.update(lambda vmi: status.with_migration(vmi, self._uid, **facts))

    async def _receive(self, machine: Machine) -> None:
        listener = Listener.open(_stream(self._context, self._uid))
        try:
            await _unless_ended(machine, self._instance.wait_for(self._is_handed_over))
            address = self._context.node.address
            await self._instance.update(lambda vmi: status.with_migration(vmi, self._uid, targetNodeAddress=address))
            await _unless_ended(machine, self._unless_over(_receive(listener, machine)))
        finally:
            listener.close()

    async def _unless_over(self, receiving: Coroutine[Any, Any, None]) -> None:
        received = asyncio.create_task(receiving)
        over = asyncio.create_task(self._instance.wait_for(self._is_over))
        try:
            await asyncio.wait({received, over}, return_when=asyncio.FIRST_COMPLETED)
            if not received.done():
                raise MigrationFailed("the migration is over, and no guest came")
            received.result()
        finally:
            received.cancel()
            over.cancel()

    async def _report(self, nics: tuple[Attachment, ...]) -> None:
        facts = {"targetNodeDomainDetected": True, "targetNodeDomainReadyTimestamp": conditions.timestamp()}

        def change(vmi: Object) -> Object | None:
            moved = status.with_migration(vmi, self._uid, **facts)
            return None if moved is None else status.with_interfaces(moved, nics)

        await self._instance.update(change)

    async def _mark_pod(self) -> None:
        metadata = self._pod["metadata"]
        body = {"metadata": {"annotations": {TARGET_READY: conditions.timestamp()}}}
        with suppress(NotFound):
            await self._context.client.patch(PODS, metadata["name"], metadata["namespace"], body)

    def _is_handed_over(self, vmi: Object) -> bool:
        state = status.migration_state(vmi, self._uid)
        return bool(state) and state.get("targetPod") == self._pod["metadata"]["name"]

    def _is_over(self, vmi: Object) -> bool:
        state = status.migration_state(vmi, self._uid)
        return not state or phases.ended(state)


def _stream(context: NodeContext, uid: str) -> Path:
    return context.config.state / "vms" / f"{uid[:8]}.sock"


async def _receive(listener: Listener, machine: Machine) -> None:
    await listener.receive(machine)
    await migration.arrived(machine)


async def _unless_ended(machine: Machine, waiting: Coroutine[Any, Any, T]) -> T:
    """What ``waiting`` gives; :class:`MachineError` if the machine ends before."""
    task = asyncio.create_task(waiting)
    ended = asyncio.create_task(machine.ended())
    try:
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise MachineError(ended.result().why)
        return task.result()
    finally:
        task.cancel()
        ended.cancel()
