"""The pods of one node: one worker each, found by namespace and name or by UID."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from lab.nodes.context import NodeContext
from lab.nodes.wiring import Wiring
from lab.nodes.worker import PodWorker

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)


class PodKeeper:
    """Starts a worker for each pod that the informer tells of, and feeds it with news."""

    def __init__(self, context: NodeContext, image: Path) -> None:
        self._context = context
        self._wiring = Wiring(context)
        self._image = image
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def find(self, namespace: str, name: str) -> PodWorker | None:
        """The worker of a pod, the newest if a pod of that name is still on its way out."""
        for worker in reversed(self._workers.values()):
            metadata = worker.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return worker
        return None

    def on_change(self, old: Object | None, new: Object | None) -> None:
        """For the informer of this node's pods."""
        replaced = old is not None and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"])
        if old is not None and replaced and (worker := self._workers.get(old["metadata"]["uid"])):
            worker.update(None)
        if new is None:
            return
        uid = new["metadata"]["uid"]
        if uid not in self._workers:
            self._begin(uid, new)
        self._workers[uid].update(new)

    async def stop(self) -> None:
        """End every container and sandbox at once: the node goes down, the API keeps what it knows."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, uid: str, pod: Object) -> None:
        self._workers[uid] = PodWorker(self._context, self._wiring, self._image, pod)
        self._tasks[uid] = task = asyncio.create_task(self._workers[uid].run(), name=f"worker {uid}")
        task.add_done_callback(lambda done: self._forget(uid, done))

    def _forget(self, uid: str, task: asyncio.Task[None]) -> None:
        self._workers.pop(uid, None)
        self._tasks.pop(uid, None)
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("the worker of pod %s failed", uid, exc_info=error)
