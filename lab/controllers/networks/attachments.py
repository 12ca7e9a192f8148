"""Attachments (NADs) that stand for networks: made, kept as rendered, and taken away once no pod uses them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from lab.client import AlreadyExists, NotFound
from lab.controllers.networks.annotation import read_pod_networks
from lab.controllers.networks.definition import attachment_of, system_namespace
from lab.controllers.networks.registry import MissingPrimary, Registry
from lab.controllers.networks.render import (
    FINALIZER,
    Rules,
    SyncError,
    attachment,
    is_primary,
    network_name,
)
from lab.controllers.placement import finished
from lab.controllers.runtime import Context
from lab.resources import NADS, PODS

Object = dict[str, Any]


class InUse(SyncError):
    """An attachment that cannot go, because pods use its network."""


class Attachments:
    """Makes and takes away the attachments of networks, one namespace at a time."""

    def __init__(self, context: Context, registry: Registry) -> None:
        self._client = context.client
        self._faults = context.faults
        self._rules = Rules(context.config.conduct.families.versions)
        self._registry = registry
        self._locks: dict[str, asyncio.Lock] = {}

    async def ensure(self, owner: Object, namespace: str) -> Object:
        """The attachment of a network in a namespace, as it should be; :class:`SyncError` if it may not be.

        Two networks that want the same namespace at once are let in one after the other.
        """
        self._check_namespace(owner, namespace)
        rules = self._faults.decide("udn.rules", self._rules, network=network_name(owner))
        wanted = attachment(owner, namespace, rules)
        config = json.loads(wanted["spec"]["config"])
        config = self._faults.alter("nad.config", config, network=config["name"], namespace=namespace)
        wanted["spec"]["config"] = json.dumps(config, separators=(",", ":"))
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            nads = (await self._client.list(NADS, namespace)).get("items") or []
            name = wanted["metadata"]["name"]
            present = next((nad for nad in nads if nad["metadata"]["name"] == name), None)
            if present is not None and not owned_by(present, owner):
                message = "foreign NetworkAttachmentDefinition with the desired name already exist"
                raise SyncError(f"{message} [{namespace}/{name}]")
            if is_primary(owner):
                self._check_only_primary(nads, namespace, name)
            return await self._write(present, wanted)

    async def remove(self, nad: Object) -> None:
        """Take an attachment away; :class:`InUse` as long as pods use its network."""
        metadata = nad["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        users = await self.users(namespace, name)
        protected = self._faults.decide("udn.in-use-protected", True, namespace=namespace, name=name, users=users)
        if users and protected:
            raise InUse(
                f"failed to delete NetworkAttachmentDefinition [{namespace}/{name}]: "
                f"network in use by the following pods: [{' '.join(users)}]"
            )
        left = [item for item in metadata.get("finalizers") or () if item != FINALIZER]
        try:
            if "deletionTimestamp" not in metadata:
                await self._client.delete(NADS, name, namespace, preconditions=metadata["uid"])
            await self._client.patch(NADS, name, namespace, {"metadata": {"finalizers": left}})
        except NotFound:
            return

    async def users(self, namespace: str, name: str) -> list[str]:
        """The pods, as ``ns/pod``, that hold a place on the network of an attachment."""
        pods = (await self._client.list(PODS, namespace)).get("items") or []
        key = f"{namespace}/{name}"
        using = [pod for pod in pods if not finished(pod) and key in read_pod_networks(pod)]
        return sorted(f"{namespace}/{pod['metadata']['name']}" for pod in using)

    def _check_namespace(self, owner: Object, namespace: str) -> None:
        if not is_primary(owner):
            return
        facts = {"namespace": namespace, "network": network_name(owner)}
        labelled = self._registry.labelled(namespace)
        if not labelled and self._faults.decide("udn.label-required", True, **facts):
            raise SyncError(str(MissingPrimary(namespace)))
        if system_namespace(namespace) and self._faults.decide("udn.system-namespaces-refused", True, **facts):
            raise SyncError(f'primary user defined network is not allowed in system namespace "{namespace}"')

    def _check_only_primary(self, nads: list[Object], namespace: str, name: str) -> None:
        for nad in nads:
            other = attachment_of(nad)
            if other is None or not other.definition.primary or other.name == name:
                continue
            if self._faults.decide("udn.second-primary-refused", True, namespace=namespace, name=name):
                raise SyncError(f'primary network already exist in namespace "{namespace}": "{other.name}"')

    async def _write(self, present: Object | None, wanted: Object) -> Object:
        metadata = wanted["metadata"]
        if present is None:
            try:
                return await self._client.create(NADS, wanted)
            except AlreadyExists:
                return await self._client.get(NADS, metadata["name"], metadata["namespace"])
        if "deletionTimestamp" in present["metadata"] or _as_wanted(present, wanted):
            return present
        others = [item for item in present["metadata"].get("finalizers") or () if item not in metadata["finalizers"]]
        body = {**wanted, "metadata": {**metadata, "finalizers": [*others, *metadata["finalizers"]]}}
        return await self._client.patch(NADS, metadata["name"], metadata["namespace"], body)


def owned_by(nad: Object, owner: Object) -> bool:
    """Whether an attachment is that of a network."""
    owners = nad["metadata"].get("ownerReferences") or ()
    return any(one.get("controller") and one["uid"] == owner["metadata"]["uid"] for one in owners)


def _as_wanted(present: Object, wanted: Object) -> bool:
    metadata, asked = present["metadata"], wanted["metadata"]
    return (
        present["spec"] == wanted["spec"]
        and asked["labels"].items() <= (metadata.get("labels") or {}).items()
        and set(asked["finalizers"]) <= set(metadata.get("finalizers") or ())
    )
