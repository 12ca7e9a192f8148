"""UserDefinedNetwork and ClusterUserDefinedNetwork: from the object to its attachments, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from lab.client import NotFound
from lab.controllers.networks import conditions
from lab.controllers.networks.attachments import Attachments, InUse, owned_by
from lab.controllers.networks.definition import LABEL
from lab.controllers.networks.registry import Registry
from lab.controllers.networks.render import FINALIZER, SyncError, network_name
from lab.controllers.runtime import Context, Controller, Key, key_of
from lab.controllers.selectors import requirements
from lab.resources import CUDNS, NADS, NAMESPACES, PODS, UDNS, Resource

Object = dict[str, Any]

_LOOK_AGAIN = 1.0


class NetworkController:
    """What both kinds share; the kinds differ in the namespaces that they want attachments in."""

    resource: Resource

    def __init__(self, context: Context, registry: Registry, attachments: Attachments) -> None:
        self._context = context
        self._client = context.client
        self._faults = context.faults
        self._registry = registry
        self._attachments = attachments
        self._networks = context.informers.of(self.resource)
        self._nads = context.informers.of(NADS)
        self._namespaces = context.informers.of(NAMESPACES)
        self._blocked: dict[str, set[Key]] = {}
        self.controller = Controller(self.resource.plural, self.reconcile)
        self.controller.watch(self._networks)
        self.controller.watch(self._nads, keys=self.keys_of_namespaced)
        self.controller.watch(self._namespaces, keys=self.keys_of_namespace)
        self.controller.watch(context.informers.of(PODS), keys=self._keys_of_pod)
        registry.on_realized.append(self._network_changed)

    def keys_of_namespaced(self, obj: Object) -> Iterable[Key]:
        """Networks that may care about an object in a namespace."""
        raise NotImplementedError

    def keys_of_namespace(self, namespace: Object) -> Iterable[Key]:
        """Networks that may care about a namespace."""
        raise NotImplementedError

    def wanted(self, network: Object) -> list[str]:
        """Names of the namespaces in which the network is to have an attachment."""
        raise NotImplementedError

    def created(self, network: Object, namespaces: list[str], going: list[str]) -> Object:
        """The condition when nothing stands in the way."""
        raise NotImplementedError

    async def reconcile(self, key: Key) -> float | None:
        """Bring one network to where its object wants it."""
        network = self._networks.get(key.namespace, key.name)
        if network is None:
            return None
        metadata = network["metadata"]
        deleting = "deletionTimestamp" in metadata
        if deleting and FINALIZER not in (metadata.get("finalizers") or ()):
            return None
        if not deleting:
            await self._protect(network)
        wanted = [] if deleting else self.wanted(network)
        removal = await self._remove_others(key, network, wanted)
        if deleting and not removal:
            await self._unprotect(network)
            return None
        made, going, errors = await self._make(network, wanted)
        await self._tell(network, made, going, [*removal, *errors])
        return _LOOK_AGAIN if removal else None

    async def _make(self, network: Object, wanted: list[str]) -> tuple[list[str], list[str], list[str]]:
        """Attachments in the namespaces wanted: those there are, those that go, and the errors."""
        results = await asyncio.gather(*(self._make_one(network, namespace) for namespace in wanted))
        made, going, errors = [], [], []
        for namespace, result in zip(wanted, results, strict=True):
            if isinstance(result, str):
                errors.append(result)
            elif "deletionTimestamp" in result["metadata"]:
                going.append(f"{namespace}/{result['metadata']['name']}")
            else:
                made.append(namespace)
        return made, going, errors

    async def _make_one(self, network: Object, namespace: str) -> Object | str:
        try:
            return await self._attachments.ensure(network, namespace)
        except SyncError as error:
            return str(error)

    async def _remove_others(self, key: Key, network: Object, wanted: list[str]) -> list[str]:
        """Take away attachments that are not wanted; the errors of those that must stay."""
        errors = []
        nads = (await self._client.list(NADS)).get("items") or []
        for nad in nads:
            namespace = nad["metadata"]["namespace"]
            if namespace in wanted or not owned_by(nad, network):
                continue
            try:
                await self._attachments.remove(nad)
            except InUse as error:
                self._blocked.setdefault(namespace, set()).add(key)
                errors.append(str(error))
        return errors

    async def _protect(self, network: Object) -> None:
        metadata = network["metadata"]
        finalizers = metadata.get("finalizers") or []
        if FINALIZER not in finalizers:
            body = {"metadata": {"uid": metadata["uid"], "finalizers": [*finalizers, FINALIZER]}}
            await self._client.patch(self.resource, metadata["name"], metadata.get("namespace"), body)

    async def _unprotect(self, network: Object) -> None:
        metadata = network["metadata"]
        left = [item for item in metadata.get("finalizers") or () if item != FINALIZER]
        body = {"metadata": {"uid": metadata["uid"], "finalizers": left}}
        try:
            await self._client.patch(self.resource, metadata["name"], metadata.get("namespace"), body)
        except NotFound:
            return

    async def _tell(self, network: Object, made: list[str], going: list[str], errors: list[str]) -> None:
        cluster = self.resource is CUDNS
        state = conditions.sync_error(errors, cluster) if errors else self.created(network, made, going)
        wanted = [state]
        name = network_name(network)
        if self._registry.realized(name):
            wanted.append(conditions.allocated())
        elif error := self._registry.error(name):
            wanted.append(conditions.not_allocated(error))
            await self._client.event(network, "Warning", "NetworkAllocationFailed", error)
        metadata = network["metadata"]
        present = self._networks.get(metadata.get("namespace"), metadata["name"]) or network
        merged = conditions.merged(present.get("status", {}).get("conditions"), wanted)
        if merged is None:
            return
        body = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": merged}}
        try:
            await self._client.patch(
                self.resource, metadata["name"], metadata.get("namespace"), body, subresource="status"
            )
        except NotFound:
            return

    def _keys_of_pod(self, pod: Object) -> Iterable[Key]:
        # Only networks that a pod held back are looked at again; the set is made anew by the next look.
        return self._blocked.pop(pod["metadata"]["namespace"], ())

    def _network_changed(self, name: str) -> None:
        for network in self._networks.list():
            if network_name(network) == name:
                self.controller.enqueue(key_of(network))


class UserDefinedNetworks(NetworkController):
    """Networks of one namespace."""

    resource = UDNS

    def keys_of_namespaced(self, obj: Object) -> Iterable[Key]:
        """Every network of the namespace."""
        namespace = obj["metadata"]["namespace"]
        return [key_of(n) for n in self._networks.list() if n["metadata"]["namespace"] == namespace]

    def keys_of_namespace(self, namespace: Object) -> Iterable[Key]:
        """Every network of the namespace."""
        return self.keys_of_namespaced({"metadata": {"namespace": namespace["metadata"]["name"]}})

    def wanted(self, network: Object) -> list[str]:
        """Its own namespace."""
        return [network["metadata"]["namespace"]]

    def created(self, network: Object, namespaces: list[str], going: list[str]) -> Object:
        """Created, or being deleted."""
        return conditions.being_deleted() if going else conditions.created()


class ClusterUserDefinedNetworks(NetworkController):
    """Networks that the selected namespaces share."""

    resource = CUDNS

    def keys_of_namespaced(self, obj: Object) -> Iterable[Key]:
        """Every cluster network: each may own an attachment there, or be kept out by one."""
        return [key_of(network) for network in self._networks.list()]

    def keys_of_namespace(self, namespace: Object) -> Iterable[Key]:
        """Every cluster network: each may select the namespace."""
        name = namespace["metadata"]["name"]
        return [
            key_of(network)
            for network in self._networks.list()
            if self._faults.decide("cudn.follows-namespaces", True, network=network_name(network), namespace=name)
        ]

    def wanted(self, network: Object) -> list[str]:
        """The namespaces that the selector selects and that are not going away."""
        names = sorted(
            namespace["metadata"]["name"]
            for namespace in self._namespaces.list()
            if "deletionTimestamp" not in namespace["metadata"] and self._selects(network, namespace)
        )
        return self._faults.decide("cudn.namespaces", names, network=network_name(network))

    def created(self, network: Object, namespaces: list[str], going: list[str]) -> Object:
        """Created in these namespaces, or being deleted in those."""
        return conditions.being_deleted(going) if going else conditions.created(namespaces)

    def _selects(self, network: Object, namespace: Object) -> bool:
        labels = namespace["metadata"].get("labels") or {}
        facts = {"network": network_name(network), "namespace": namespace["metadata"]["name"]}
        terms = requirements(network["spec"]["namespaceSelector"])
        selected = all(
            self._faults.decide("cudn.term", term.holds(labels), key=term.key, operator=term.operator, **facts)
            for term in terms
        )
        return self._faults.decide("cudn.selects", selected, labelled=LABEL in labels, **facts)
