"""Namespaces: what each holds from its beginning, and how it ends.

A new namespace gets its default service account and the cluster's certificate authority. One that is being deleted
is emptied by discovery, whatever kinds there are; it is finalized when nothing is left, so that finalizers of its
contents are honoured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from lab import documents
from lab.client import AlreadyExists, Conflict, NotFound, Refused
from lab.config import LabConfig
from lab.controllers.discovery import Discovered, discover
from lab.controllers.runtime import Context, Controller, Key
from lab.events import now
from lab.resources import CONFIG_MAPS, EVENTS, NAMESPACES, SERVICE_ACCOUNTS, Resource

Object = dict[str, Any]

ROOT_CA = "kube-root-ca.crt"
_FIRST_LOOK = 0.1
_LATER_LOOK = 0.5


async def build(context: Context) -> Sequence[Controller]:
    """The two controllers of namespaces."""
    namespaces = context.informers.of(NAMESPACES)
    return [
        Controller("namespace", _Furnishing(context).reconcile).watch(namespaces),
        Controller("namespace-deletion", _Deletion(context).reconcile).watch(namespaces),
    ]


class _Furnishing:
    """Gives a namespace what its workloads expect."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._namespaces = context.informers.of(NAMESPACES)
        self._authority = _certificate_authority(context.config)
        self._done: set[str] = set()

    async def reconcile(self, key: Key) -> None:
        namespace = self._namespaces.get(None, key.name)
        if namespace is None:
            self._done = {
                uid for uid in self._done if any(n["metadata"]["uid"] == uid for n in self._namespaces.list())
            }
            return
        uid = namespace["metadata"]["uid"]
        if uid in self._done or "deletionTimestamp" in namespace["metadata"]:
            return
        await asyncio.gather(
            self._make(SERVICE_ACCOUNTS, {"metadata": {"name": "default", "namespace": key.name}}),
            self._make(
                CONFIG_MAPS,
                {"metadata": {"name": ROOT_CA, "namespace": key.name}, "data": {"ca.crt": self._authority}},
            ),
        )
        self._done.add(uid)

    async def _make(self, resource: Resource, obj: Object) -> None:
        try:
            await self._client.create(resource, obj)
        except AlreadyExists:
            return
        except Refused as error:
            # Forbidden or NotFound: the namespace went away meanwhile, and with it the need.
            if error.code not in (403, 404):
                raise


class _Deletion:
    """Empties a namespace that is being deleted, then lets it go."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._namespaces = context.informers.of(NAMESPACES)
        self._looks: dict[str, int] = {}

    async def reconcile(self, key: Key) -> float | None:
        namespace = self._namespaces.get(None, key.name)
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            self._looks.pop(key.name, None)
            return None
        if "kubernetes" not in (namespace["spec"].get("finalizers") or ()):
            return None
        left = await self._empty(key.name)
        if left:
            await self._tell(namespace, left)
            looks = self._looks[key.name] = self._looks.get(key.name, 0) + 1
            return _FIRST_LOOK if looks < 20 else _LATER_LOOK
        await self._finalize(key.name)
        return None

    async def _empty(self, namespace: str) -> dict[str, list[Object]]:
        """Delete all that is in the namespace; what is left afterwards, by kind."""
        kinds = [
            kind
            for kind in await discover(self._client)
            if kind.resource.namespaced and kind.verbs >= {"list", "delete"}
        ]
        # Events last: deleting the others makes more of them.
        others = [kind for kind in kinds if kind.resource.plural != EVENTS.plural]
        events = [kind for kind in kinds if kind.resource.plural == EVENTS.plural]
        left = await asyncio.gather(*(self._empty_kind(kind, namespace) for kind in others))
        found = {kind.resource.plural: items for kind, items in zip(others, left, strict=True) if items}
        if not found:
            await asyncio.gather(*(self._empty_kind(kind, namespace) for kind in events))
        return found

    async def _empty_kind(self, kind: Discovered, namespace: str) -> list[Object]:
        resource = kind.resource
        items = await self._list(resource, namespace)
        going = [item for item in items if "deletionTimestamp" not in item["metadata"]]
        if not going:
            return items
        if "deletecollection" in kind.verbs:
            await self._client.request("DELETE", resource.path(namespace))
        else:
            await asyncio.gather(*(self._delete(resource, item) for item in going))
        return await self._list(resource, namespace)

    async def _list(self, resource: Resource, namespace: str) -> list[Object]:
        try:
            answer = await self._client.list(resource, namespace)
        except NotFound:
            return []  # the kind itself went away
        return list(answer.get("items") or ())

    async def _delete(self, resource: Resource, item: Object) -> None:
        metadata = item["metadata"]
        try:
            await self._client.delete(
                resource,
                metadata["name"],
                metadata["namespace"],
                preconditions=metadata["uid"],
                propagation="Background",
            )
        except (NotFound, Conflict):
            return

    async def _tell(self, namespace: Object, left: dict[str, list[Object]]) -> None:
        counts = ", ".join(f"{kind} has {len(items)} resource instances" for kind, items in sorted(left.items()))
        holders: dict[str, int] = {}
        for items in left.values():
            for item in items:
                for finalizer in item["metadata"].get("finalizers") or ():
                    holders[finalizer] = holders.get(finalizer, 0) + 1
        finalizers = ", ".join(f"{name} in {number} resource instances" for name, number in sorted(holders.items()))
        conditions = [
            _condition("NamespaceContentRemaining", "SomeResourcesRemain", f"Some resources are remaining: {counts}")
        ]
        if finalizers:
            message = f"Some content in the namespace has finalizers remaining: {finalizers}"
            conditions.append(_condition("NamespaceFinalizersRemaining", "SomeFinalizersRemain", message))
        before = namespace.get("status", {}).get("conditions") or []
        if [c["message"] for c in before] == [c["message"] for c in conditions]:
            return
        body = {"status": {"conditions": conditions}}
        await self._client.patch(NAMESPACES, namespace["metadata"]["name"], None, body, subresource="status")

    async def _finalize(self, name: str) -> None:
        try:
            namespace = await self._client.get(NAMESPACES, name)
            finalizers = [item for item in namespace["spec"].get("finalizers") or () if item != "kubernetes"]
            namespace["spec"]["finalizers"] = finalizers
            await self._client.request("PUT", NAMESPACES.path(None, name, "finalize"), namespace)
        except NotFound:
            return


def _condition(type_: str, reason: str, message: str) -> Object:
    return {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now()}


def _certificate_authority(config: LabConfig) -> str:
    pem = config.state / "pki" / "ca.crt"
    if pem.exists():
        return pem.read_text()
    cluster = documents.read(config.kubeconfig.read_text())["clusters"][0]["cluster"]
    return str(cluster.get("certificate-authority-data", ""))
