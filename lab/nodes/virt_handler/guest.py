"""One launcher pod's guest, from the pod's sandbox to the machine's end: started here, or come from another node."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp

from lab.client import Refused
from lab.controllers.kubevirt import phases
from lab.controllers.kubevirt.launcher import MIGRATION_LABEL
from lab.guest.image import GuestImageError
from lab.nodes import images
from lab.nodes.context import NodeContext
from lab.nodes.machines.machine import End, Machine
from lab.nodes.machines.migration import MigrationFailed
from lab.nodes.machines.monitor import MachineError
from lab.nodes.virt_handler import status
from lab.nodes.virt_handler.describe import Attachment, CannotRun
from lab.nodes.virt_handler.instance import Instance
from lab.nodes.virt_handler.launch import Workshop, launch, lives_here
from lab.nodes.virt_handler.moving import Arrival, Departure

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)
_BEFORE_HANDOVER = ("", "Pending", "Scheduling")
_LAST_SECOND = 1.0  # of the grace period: for what is to be done once the guest is off


class Guest:
    """The guest of one launcher pod."""

    def __init__(
        self, context: NodeContext, workshop: asyncio.Future[Workshop], instance: Instance, pod: Object
    ) -> None:
        self.instance = instance
        self._context = context
        self._workshop = workshop
        self._pod = pod
        self._machine: Machine | None = None
        self._departure: Departure | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._at_home = False
        self._stopping = False

    @property
    def machine(self) -> Machine:
        """The guest's machine. :class:`MachineError` unless the guest lives here."""
        if self._machine is None or not self.here:
            raise MachineError(f"the guest of {self.instance.place} does not run on node {self._context.node.name}")
        return self._machine

    @property
    def here(self) -> bool:
        """Whether the guest lives in this pod: it has begun or arrived here, and has not left or ended."""
        left = self._departure is not None and self._departure.done
        return self._at_home and not left and self._machine is not None and self._machine.running

    async def run(self) -> None:
        """The guest's life in this pod. Cancelled, it ends at once and tells nobody."""
        uid = (self._pod["metadata"].get("labels") or {}).get(MIGRATION_LABEL)
        arrival = Arrival(self._context, self.instance, self._pod, uid) if uid else None
        try:
            await self._come(arrival)
        except MigrationFailed as error:
            _LOG.info("%s: %s", self.instance.place, error)
            self._completed(1)
        except (CannotRun, GuestImageError, MachineError, LookupError, OSError, Refused, aiohttp.ClientError) as error:
            await self._give_up(arrival, error)
        else:
            await self._live()
        finally:
            if self._leaving is not None:
                self._leaving.cancel()
            if self._machine is not None:
                await self._machine.kill()

    async def stop(self, seconds: float) -> None:
        """End the guest within so many seconds: by its power button, or at once if it is not at home."""
        self._stopping = True
        if self._machine is None:
            self._completed(0)
            return
        vmi = self.instance.get()
        asked = vmi["spec"].get("terminationGracePeriodSeconds") if vmi else None
        limit = seconds - _LAST_SECOND
        if self.here and asked != 0 and limit > 0:
            await self._machine.power_down(limit)
        else:
            await self._machine.kill()

    def on_instance(self, vmi: Object) -> None:
        """The VMI has changed: perhaps its guest is to go to another node, or to stay after all."""
        if self._departure is not None and not self._departure.over:
            self._departure.on_instance(vmi)
        elif self.here and not self._stopping and self._machine is not None:
            node, pod = self._context.node.name, self._pod["metadata"]["name"]
            if Departure.is_due(vmi, node, pod):
                self._departure = Departure(self._context, self.instance, self._machine, vmi)
                self._leaving = asyncio.create_task(self._leave(self._departure))

    async def pause(self) -> None:
        """Stop the guest's processors. :class:`MachineError` if it is not here."""
        await self.machine.pause()
        await self.instance.update(lambda vmi: status.with_pause(vmi, True))

    async def resume(self) -> None:
        """Let them go on. :class:`MachineError` if the guest is not here."""
        await self.machine.resume()
        await self.instance.update(lambda vmi: status.with_pause(vmi, False))

    async def _come(self, arrival: Arrival | None) -> None:
        sandbox = await self._context.sandboxes.wait(str(self._pod["metadata"]["uid"]))
        workshop = await asyncio.shield(self._workshop)
        if not all(images.known(container["image"]) for container in self._pod["spec"]["containers"]):
            # Its disk may never come: begin when the pod is seen to run.
            await self.instance.wait_for(_handed_over)
        vmi = self.instance.get()
        if vmi is None:
            raise MachineError("the VMI is gone")
        # Before the VMI is handed over: the API's round trips pass while the guest boots.
        self._machine, nics = await launch(self._context, workshop, vmi, sandbox, incoming=arrival is not None)
        if arrival is not None:
            await arrival.run(self._machine, nics)
            self._at_home = True
        else:
            await self._begin(self._machine, nics)

    async def _begin(self, machine: Machine, nics: tuple[Attachment, ...]) -> None:
        lives_here(machine)
        ended = asyncio.create_task(machine.ended())
        known = asyncio.create_task(self.instance.wait_for(_handed_over))
        await asyncio.wait({ended, known}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        known.cancel()
        self._at_home = True
        paused = machine.spec.paused
        told = await self.instance.update(
            lambda vmi: status.running(vmi, nics, paused) if phases.phase(vmi) == "Scheduled" else None
        )
        if told is not None:
            await self.instance.event("Normal", "Started", "VirtualMachineInstance started.")

    async def _live(self) -> None:
        assert self._machine is not None
        watch = asyncio.create_task(self._watch_resets(self._machine))
        try:
            if (vmi := self.instance.get()) is not None:
                self.on_instance(vmi)
            end = await self._machine.ended()
        finally:
            watch.cancel()
        if self._departure is not None and self._departure.done:
            self._completed(0)
        else:
            await self._tell_end(End(end.clean or self._stopping, end.why))

    async def _leave(self, departure: Departure) -> None:
        await self.instance.event("Normal", "Migrating", "VirtualMachineInstance is migrating.")
        await departure.run()
        if departure.done and self._machine is not None:
            await self._machine.quit()

    async def _tell_end(self, end: End) -> None:
        _LOG.info("%s: %s", self.instance.place, end.why)
        await self.instance.update(lambda vmi: None if phases.is_final(vmi) else status.ended(vmi, end.clean, end.why))
        if end.clean:
            await self.instance.event("Normal", "Stopped", "The VirtualMachineInstance was shut down.")
        else:
            await self.instance.event("Warning", "Stopped", f"The VirtualMachineInstance crashed: {end.why}")
        self._completed(0 if end.clean else 1)

    async def _give_up(self, arrival: Arrival | None, error: Exception) -> None:
        why = str(error) or type(error).__name__
        _LOG.warning("%s: %s", self.instance.place, why)
        if not self._stopping:
            await self.instance.event("Warning", "SyncFailed", why)
            if arrival is not None:
                await arrival.failed(why)
            else:
                await self.instance.update(lambda vmi: None if phases.is_final(vmi) else status.ended(vmi, False, why))
        self._completed(1)

    async def _watch_resets(self, machine: Machine) -> None:
        while True:
            await machine.next_reset()
            facts = {"vm": self.instance.name, "node": self._context.node.name}
            if not self._context.faults.decide("machine.reboots", True, **facts):
                await machine.kill()

    def _completed(self, code: int) -> None:
        self._context.sandboxes.completed(str(self._pod["metadata"]["uid"]), code)


def _handed_over(vmi: Object) -> bool:
    return phases.phase(vmi) not in _BEFORE_HANDOVER
