"""The virt-handler of one node: a guest for each launcher pod, told of what happens to its VMI."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from lab.client import Informer
from lab.config import Start
from lab.controllers.kubevirt import phases
from lab.controllers.kubevirt.launcher import CREATED_BY
from lab.guest import image
from lab.nodes.context import NodeContext
from lab.nodes.machines.acceleration import accelerator
from lab.nodes.machines.saved_state import SavedStates
from lab.nodes.sandbox import Sandbox
from lab.nodes.virt_handler import launch, status
from lab.nodes.virt_handler.guest import Guest
from lab.nodes.virt_handler.instance import Instance
from lab.nodes.virt_handler.launch import Workshop
from lab.nodes.virt_handler.routes import Routes
from lab.resources import VMIS

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)
_NAME = "vm.kubevirt.io/name"


class VirtHandler:
    """Runs the guests of a node's launcher pods."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._vmis = Informer(context.client, VMIS)
        self._guests: dict[str, Guest] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stops: set[asyncio.Task[None]] = set()
        self._workshop: asyncio.Task[Workshop] | None = None

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """What it serves beside the kubelet."""
        return Routes(self._find).table()

    async def start(self) -> None:
        """Begin its work. The guest image, if there is none yet, is built meanwhile."""
        self._workshop = asyncio.create_task(_workshop(self._context.config.conduct.start))
        self._workshop.add_done_callback(_log_failure)
        await self._vmis.start()
        await self._bury()
        self._vmis.on_change(self._on_instance)
        self._context.sandboxes.on_stopping(self._on_stopping)
        self._context.pods.on_change(self._on_pod)

    async def stop(self) -> None:
        """End its machines."""
        await self._vmis.stop()
        tasks: list[asyncio.Task[Any]] = [*self._tasks.values(), *self._stops]
        if self._workshop is not None:
            tasks.append(self._workshop)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bury(self) -> None:
        """Guests that an earlier agent of this node ran died with it."""
        why = "the node's agent was started anew, and its guests died with the old one"
        for vmi in self._vmis.list():
            held = phases.phase(vmi) in ("Scheduled", "Running")
            if held and vmi["status"].get("nodeName") == self._context.node.name:
                await self._instance(vmi["metadata"]).update(lambda vmi: status.ended(vmi, False, why))

    def _on_pod(self, old: Object | None, pod: Object | None) -> None:
        if pod is None:
            if old is not None and (task := self._tasks.get(old["metadata"]["uid"])) is not None:
                task.cancel()
            return
        metadata = pod["metadata"]
        labels, uid = metadata.get("labels") or {}, metadata["uid"]
        if CREATED_BY not in labels or uid in self._guests or phases.is_deleted(pod) or phases.pod_is_down(pod):
            return
        assert self._workshop is not None
        place = {"namespace": metadata["namespace"], "name": labels[_NAME], "uid": labels[CREATED_BY]}
        guest = Guest(self._context, self._workshop, self._instance(place), pod)
        self._guests[uid] = guest
        self._tasks[uid] = asyncio.create_task(guest.run(), name=f"guest of {metadata['name']}")
        self._tasks[uid].add_done_callback(lambda task: self._forget(uid, task))

    def _on_instance(self, old: Object | None, vmi: Object | None) -> None:
        uid = (vmi or old or {})["metadata"]["uid"]
        for guest in self._guests.values():
            if vmi is not None and guest.instance.uid == uid:
                guest.on_instance(vmi)
        if vmi is None and not any(guest.instance.uid == uid for guest in self._guests.values()):
            launch.clear(self._context, uid)

    def _on_stopping(self, sandbox: Sandbox, seconds: float) -> None:
        guest = self._guests.get(sandbox.uid)
        if guest is None:
            self._context.sandboxes.completed(sandbox.uid, 0)
            return
        task = asyncio.create_task(guest.stop(seconds))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    def _forget(self, uid: str, task: asyncio.Task[None]) -> None:
        guest = self._guests.pop(uid)
        del self._tasks[uid]
        _log_failure(task)
        if guest.instance.get() is None:
            launch.clear(self._context, guest.instance.uid)

    def _find(self, namespace: str, name: str) -> Guest | None:
        for guest in self._guests.values():
            if guest.here and (guest.instance.namespace, guest.instance.name) == (namespace, name):
                return guest
        return None

    def _instance(self, place: Object) -> Instance:
        return Instance(self._context.client, self._vmis, place["namespace"], place["name"], place["uid"])


async def _workshop(start: Start) -> Workshop:
    built = await asyncio.to_thread(image.ensure)
    chosen = await accelerator(built)
    _LOG.info("guests run by %s: %s", chosen.kind, chosen.why)
    return Workshop(built, chosen, SavedStates(built, chosen) if start is Start.INSTANT else None)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("%s failed", task.get_name(), exc_info=error)
