"""Gives each pod a node, one pod at a time, by the rules of :mod:`lab.controllers.placement`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.client import NotFound
from lab.controllers.placement import Unschedulable, choose, finished
from lab.controllers.runtime import Context, Controller, Key, key_of
from lab.events import now
from lab.resources import NAMESPACES, NODES, PODS

Object = dict[str, Any]


async def build(context: Context) -> Sequence[Controller]:
    """The scheduler."""
    scheduler = _Scheduler(context)
    pods = context.informers.of(PODS)
    controller = Controller("scheduler", scheduler.reconcile, workers=1)
    controller.watch(pods, keys=lambda pod: (key_of(pod),) if not pod["spec"].get("nodeName") else ())
    # Whatever may make room for a pod that waits: a node that changes, a pod that comes to its end.
    controller.watch(context.informers.of(NODES), keys=lambda _: scheduler.waiting)

    def ended(old: Object | None, new: Object | None) -> None:
        if old is not None and (new is None or (finished(new) and not finished(old))):
            for key in scheduler.waiting:
                controller.enqueue(key)

    pods.on_change(ended)
    return [controller]


class _Scheduler:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._pods = context.informers.of(PODS)
        self._nodes = context.informers.of(NODES)
        self._namespaces = context.informers.of(NAMESPACES)
        self._bound: dict[str, str] = {}
        self._unschedulable: dict[Key, str] = {}

    @property
    def waiting(self) -> tuple[Key, ...]:
        """Pods that no node took so far."""
        return tuple(self._unschedulable)

    async def reconcile(self, key: Key) -> None:
        """Bind a pod that has no node yet."""
        pod = self._pods.get(key.namespace, key.name)
        if pod is None or not self._wants_node(pod):
            self._unschedulable.pop(key, None)
            return
        try:
            node = choose(pod, self._nodes.list(), self._placed(), self._namespaces_by_name())
        except Unschedulable as reason:
            await self._refuse(key, pod, str(reason))
            return
        self._unschedulable.pop(key, None)
        await self._bind(pod, node)

    def _wants_node(self, pod: Object) -> bool:
        metadata, spec = pod["metadata"], pod["spec"]
        return not (
            spec.get("nodeName")
            or metadata["uid"] in self._bound
            or "deletionTimestamp" in metadata
            or finished(pod)
            or spec.get("schedulingGates")
            or spec.get("schedulerName", "default-scheduler") != "default-scheduler"
        )

    def _placed(self) -> list[Object]:
        """Every pod with its node, those included whose binding the informer has not seen yet."""
        pods = self._pods.list()
        alive = {pod["metadata"]["uid"]: pod for pod in pods}
        for uid in list(self._bound):
            if uid not in alive or alive[uid]["spec"].get("nodeName"):
                del self._bound[uid]
        return [
            {**pod, "spec": {**pod["spec"], "nodeName": self._bound[pod["metadata"]["uid"]]}}
            if pod["metadata"]["uid"] in self._bound
            else pod
            for pod in pods
        ]

    def _namespaces_by_name(self) -> dict[str, Object]:
        return {namespace["metadata"]["name"]: namespace for namespace in self._namespaces.list()}

    async def _bind(self, pod: Object, node: str) -> None:
        metadata = pod["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": metadata["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        self._bound[metadata["uid"]] = node
        try:
            await self._client.create(PODS, binding, subresource="binding")
        except NotFound:
            self._bound.pop(metadata["uid"], None)  # the pod went away
            return
        except BaseException:
            self._bound.pop(metadata["uid"], None)
            raise
        message = f"Successfully assigned {namespace}/{name} to {node}"
        await self._client.event(pod, "Normal", "Scheduled", message)

    async def _refuse(self, key: Key, pod: Object, message: str) -> None:
        if self._unschedulable.get(key) == pod["metadata"]["uid"] + message:
            return
        self._unschedulable[key] = pod["metadata"]["uid"] + message
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": now(),
        }
        others = [c for c in pod.get("status", {}).get("conditions") or () if c["type"] != "PodScheduled"]
        body = {"status": {"phase": "Pending", "conditions": [*others, condition]}}
        try:
            await self._client.patch(PODS, key.name, key.namespace, body, subresource="status")
        except NotFound:
            return
        await self._client.event(pod, "Warning", "FailedScheduling", message)
