"""One pod on its node: sandbox, containers, status, and the way out."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from lab import netns
from lab.client import NotFound, Refused
from lab.fabric.node_switch import SwitchError
from lab.nodes import attachments
from lab.nodes.context import NodeContext
from lab.nodes.home import PodHome, folder_of
from lab.nodes.runner import ContainerRunner
from lab.nodes.sandbox import Sandbox
from lab.nodes.status import ContainerState, Ending, pod_status
from lab.nodes.wiring import Wiring
from lab.resources import PODS

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0


class PodWorker:
    """Brings one pod to life and to its end; :meth:`update` tells it what the API now says."""

    def __init__(self, context: NodeContext, wiring: Wiring, image: Path, pod: Object) -> None:
        self.pod = pod
        self.init = [ContainerRunner(spec, init=True) for spec in pod["spec"].get("initContainers") or ()]
        self.containers = [ContainerRunner(spec) for spec in pod["spec"]["containers"]]
        self.home: PodHome | None = None
        self._context = context
        self._wiring = wiring
        self._image = image
        self._sandbox: Sandbox | None = None
        self._updated = asyncio.Event()
        self._stop = asyncio.Event()
        self._dirty = asyncio.Event()
        self._gone = False
        self._written: Object = {}

    @property
    def uid(self) -> str:
        """The pod's UID."""
        return str(self.pod["metadata"]["uid"])

    def runner(self, container: str) -> ContainerRunner | None:
        """The container of that name."""
        return next((runner for runner in [*self.init, *self.containers] if runner.spec["name"] == container), None)

    def update(self, pod: Object | None) -> None:
        """The pod as the API has it now; None when it is no longer there."""
        if pod is None:
            self._gone = True
        else:
            self.pod = pod
        if self._gone or self.pod["metadata"].get("deletionTimestamp"):
            self._stop.set()
        self._updated.set()

    async def run(self) -> None:
        """The pod's whole life; returns when nothing of it is left here."""
        writer = asyncio.create_task(self._keep_status(), name=f"status of {self._place}")
        try:
            await self._live_and_stop()
            await self._remove_sandbox()
            await self._stop.wait()
        except asyncio.CancelledError:
            # The node goes down, and its switch with it: only the namespace would stay behind.
            await asyncio.to_thread(netns.remove, self._wiring.namespace(self.uid))
            raise
        finally:
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
        await self._finish()

    async def _live_and_stop(self) -> None:
        living = asyncio.create_task(self._live(), name=f"pod {self._place}")
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({living, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not living.done():
                await self._stop_containers()
                living.cancel()
            with suppress(asyncio.CancelledError):
                await living
        finally:
            stop.cancel()
            if not living.done():
                living.cancel()
                await asyncio.wait({living})

    async def _live(self) -> None:
        if self._was_running_before() or self._over():
            return
        self._dirty.set()
        await self._networks()
        sandbox = await self._make_sandbox()
        self.home = PodHome(self._context, self.pod, sandbox, self._image, self._dirty.set)
        self.home.write_files()
        self._dirty.set()
        for runner in self.init:
            await runner.run(self.home)
            if runner.state.ending is None or runner.state.ending.exit_code:
                return
        for runner in self.containers:
            runner.state.waiting = ("ContainerCreating", "")
        await asyncio.gather(*(runner.run(self.home) for runner in self.containers))

    def _over(self) -> bool:
        return (self.pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")

    def _was_running_before(self) -> bool:
        # Its processes died with an earlier agent; what must not be restarted has failed.
        statuses = (self.pod.get("status") or {}).get("containerStatuses") or ()
        ran = any((status.get("state") or {}).get("running") for status in statuses)
        if not ran or self.pod["spec"].get("restartPolicy", "Always") != "Never":
            return False
        for runner, status in zip(self.containers, statuses, strict=False):
            begun = ((status.get("state") or {}).get("running") or {}).get("startedAt", "")
            identity = status.get("containerID", "")
            runner.state.container_id = identity
            runner.state.ending = Ending(137, "ContainerStatusUnknown", begun, begun, identity)
        self._dirty.set()
        return True

    async def _networks(self) -> None:
        name = self.pod["metadata"]["name"]
        if self._context.faults.decide("pod.start-without-network", False, pod=name):
            return
        while not attachments.ready(self.pod):
            self._updated.clear()
            await self._updated.wait()

    async def _make_sandbox(self) -> Sandbox:
        pause = _FIRST_PAUSE
        while True:
            try:
                sandbox = await self._wiring.make(self.pod)
                break
            except (OSError, SwitchError, ValueError) as error:
                message = f"Failed to create pod sandbox: {error}"
                _LOG.warning("%s: %s", self._place, message)
                await self._context.client.event(self.pod, "Warning", "FailedCreatePodSandBox", message)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
        self._sandbox = sandbox
        annotations = {attachments.NETWORK_STATUS: attachments.network_status(sandbox.interfaces)}
        with suppress(NotFound):
            await self._context.client.patch(PODS, *self._key, {"metadata": {"annotations": annotations}})
        self._context.sandboxes.add(sandbox)
        return sandbox

    async def _stop_containers(self) -> None:
        seconds = self.pod["metadata"].get("deletionGracePeriodSeconds")
        grace = 0.0 if self._gone else float(30 if seconds is None else seconds)
        if self.home is not None:
            home = self.home
            await asyncio.gather(*(runner.stop(home, grace) for runner in [*self.init, *self.containers]))

    async def _remove_sandbox(self) -> None:
        name = self.pod["metadata"]["name"]
        if self._sandbox is None or self._context.faults.decide("pod.keep-sandbox", False, pod=name):
            return
        self._context.sandboxes.discard(self.uid)
        try:
            await self._wiring.remove(self._sandbox.netns, self._sandbox.interfaces)
        except (OSError, SwitchError) as error:
            _LOG.warning("%s: sandbox is not quite gone: %s", self._place, error)

    async def _finish(self) -> None:
        if not self._gone:
            with suppress(Refused):
                await self._write_status()
        # Nothing of a pod may be left when the API no longer has it.
        await asyncio.to_thread(shutil.rmtree, folder_of(self._context, self.uid), ignore_errors=True)
        if not self._gone:
            try:
                await self._context.client.delete(PODS, *self._key, grace=0, preconditions=self.uid)
            except Refused as error:
                if error.code not in (404, 409):
                    raise

    async def _keep_status(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._write_status()
            except NotFound:
                pass
            except (Refused, aiohttp.ClientError, TimeoutError) as error:
                _LOG.warning("%s: its status was not written: %s; trying again", self._place, error)
                await asyncio.sleep(_FIRST_PAUSE)
                self._dirty.set()

    async def _write_status(self) -> None:
        if self._over():
            return
        status = pod_status(
            self.pod, self._states(True), self._states(False), self._sandbox, self._context.node.addresses
        )
        if status == self._written:
            return
        answer = await self._context.client.patch(PODS, *self._key, {"status": status}, subresource="status")
        self._written = status
        if answer["metadata"]["uid"] == self.uid:
            # The next status builds on this one's times, which the informer has yet to bring.
            self.pod = {**self.pod, "status": answer.get("status") or {}}

    def _states(self, init: bool) -> list[ContainerState]:
        return [runner.state for runner in (self.init if init else self.containers)]

    @property
    def _key(self) -> tuple[str, str]:
        metadata = self.pod["metadata"]
        return metadata["name"], metadata["namespace"]

    @property
    def _place(self) -> str:
        name, namespace = self._key
        return f"{namespace}/{name}"
