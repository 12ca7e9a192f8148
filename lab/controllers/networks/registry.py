"""Which networks there are, which one is a namespace's primary, and what of them is in the fabric.

A network exists as long as an attachment (NAD) names it. Its address pools live and end with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lab.config import CLUSTER_DNS, CLUSTER_MTU
from lab.controllers.networks.allocator import Pool
from lab.controllers.networks.annotation import gateways_of
from lab.controllers.networks.definition import LABEL, Attachment, Definition, attachment_of, node_names
from lab.controllers.runtime import Context, Key
from lab.fabric.database import DatabaseError
from lab.fabric.model import Layer2, Layer3, Network
from lab.fabric.northbound import Northbound
from lab.resources import NADS, NAMESPACES

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)


class MissingPrimary(Exception):
    """A namespace that asks for a primary network by its label and has none."""

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f'invalid primary network state for namespace "{namespace}": a valid primary user defined network '
            f"or network attachment definition custom resource, and required namespace label "
            f'"{LABEL}" must both be present'
        )


class Registry:
    """The networks of the cluster, from the attachments that the API has."""

    def __init__(self, context: Context, northbound: Northbound) -> None:
        self._context = context
        self._northbound = northbound
        self._nads = context.informers.of(NADS)
        self._namespaces = context.informers.of(NAMESPACES)
        self._realized: dict[str, Network] = {}
        self._errors: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._pools: dict[tuple[str, tuple[str, ...]], Pool] = {}
        self.on_realized: list[Callable[[str], None]] = []

    def attachments(self, network: str | None = None) -> list[Attachment]:
        """Every attachment of OVN-Kubernetes, or those of one network."""
        found = (attachment_of(nad) for nad in self._nads.list())
        return [one for one in found if one is not None and network in (None, one.definition.network)]

    def attachment(self, key: str) -> Attachment | None:
        """The attachment ``namespace/name``."""
        namespace, _, name = key.partition("/")
        nad = self._nads.get(namespace, name)
        return attachment_of(nad) if nad is not None else None

    def definition(self, network: str) -> Definition | None:
        """What a network is, or None if no attachment names it."""
        found = self.attachments(network)
        return found[0].definition if found else None

    def labelled(self, namespace: str) -> bool:
        """Whether a namespace was made for a primary network."""
        obj = self._namespaces.get(None, namespace)
        return obj is not None and LABEL in (obj["metadata"].get("labels") or {})

    async def primary_of(self, namespace: str) -> Attachment | None:
        """The primary network's attachment in a namespace, None if its pods use the default network.

        :class:`MissingPrimary` if the namespace is labelled for one and has none.
        """
        faults = self._context.faults
        labelled = self.labelled(namespace)
        if not labelled and faults.decide("udn.label-required", True, namespace=namespace):
            return None
        candidates = _primaries(self._nads.list(), namespace)
        if not candidates and labelled:
            # Before a pod is told to wait, make sure that the copy here is not merely behind.
            answer = await self._context.client.list(NADS, namespace)
            candidates = _primaries(answer.get("items") or (), namespace)
        if candidates:
            return faults.decide("udn.primary-of", candidates[0], candidates=candidates, namespace=namespace)
        if labelled and faults.decide("pods.wait-for-network", True, namespace=namespace):
            raise MissingPrimary(namespace)
        return None

    def host_subnets(self, definition: Definition, node: str) -> tuple[str, ...]:
        """The subnets from which a node's pods get addresses."""
        nodes = node_names(self._context.config)
        return definition.host_subnets(nodes).get(node, ())

    def pool(self, definition: Definition, node: str, namespace: str) -> Pool:
        """The addresses of a network at a node, from which a workload of a namespace gets its own."""
        subnets = self.host_subnets(definition, node)
        facts = {"network": definition.network, "subnets": subnets, "namespace": namespace}
        name = self._context.faults.decide("addresses.pool", definition.network, **facts)
        place = (name, subnets)
        if place not in self._pools:
            gateways = gateways_of(subnets, definition.gateway_ips)
            self._pools[place] = Pool(subnets, (*gateways, *definition.reserved_subnets))
        return self._pools[place]

    def default_pool(self, node: str) -> Pool:
        """The default network's addresses at a node."""
        subnets = self._context.config.node(node).host_subnets
        return self._pools.setdefault(("", subnets), Pool(subnets))

    def pools(self) -> Iterable[Pool]:
        """Every pool there is now."""
        return tuple(self._pools.values())

    def realized(self, network: str) -> bool:
        """Whether the fabric has the network."""
        return network in self._realized

    def error(self, network: str) -> str | None:
        """Why the fabric does not have it."""
        return self._errors.get(network)

    async def realize(self, definition: Definition) -> None:
        """Have the network in the fabric; ``DatabaseError`` if it cannot be."""
        wanted = self._fabric_network(definition)
        async with self._locks.setdefault(definition.network, asyncio.Lock()):
            if self._realized.get(definition.network) == wanted:
                return
            try:
                if isinstance(wanted, Layer2):
                    await self._northbound.ensure_layer2(wanted)
                else:
                    await self._northbound.ensure_layer3(wanted)
            except DatabaseError as error:
                self._errors[definition.network] = str(error)
                self._tell(definition.network)
                raise
            self._errors.pop(definition.network, None)
            self._realized[definition.network] = wanted
            self._tell(definition.network)

    async def reconcile(self, key: Key) -> None:
        """Bring one network, by its name, into the fabric or out of it."""
        definition = self.definition(key.name)
        if definition is not None:
            await self.realize(definition)
            return
        async with self._locks.setdefault(key.name, asyncio.Lock()):
            await self._northbound.delete_network(key.name)
            self._realized.pop(key.name, None)
            self._errors.pop(key.name, None)
            for place in [place for place in self._pools if place[0] == key.name]:
                del self._pools[place]
        _LOG.info("network %s is gone", key.name)

    def _tell(self, network: str) -> None:
        for callback in self.on_realized:
            callback(network)

    def _fabric_network(self, definition: Definition) -> Network:
        nodes = node_names(self._context.config)
        if definition.topology == "layer3":
            host_subnets = {node: ",".join(found) for node, found in definition.host_subnets(nodes).items()}
            return Layer3(
                definition.network,
                host_subnets,
                mtu=definition.mtu or CLUSTER_MTU,
                primary=definition.primary,
                join_subnets=definition.join_subnets,
            )
        return Layer2(
            definition.network,
            definition.subnets,
            mtu=definition.mtu,
            gateway_ips=definition.gateway_ips,
            primary=definition.primary,
            join_subnets=definition.join_subnets,
            nodes=nodes,
            dns_servers=(CLUSTER_DNS,) if definition.primary else (),
        )


def _primaries(nads: Sequence[Object], namespace: str) -> list[Attachment]:
    """The attachments to primary networks of a namespace, the oldest first."""
    mine = [nad for nad in nads if nad["metadata"]["namespace"] == namespace]
    mine.sort(key=lambda nad: (nad["metadata"].get("creationTimestamp", ""), nad["metadata"]["name"]))
    found = (attachment_of(nad) for nad in mine)
    return [one for one in found if one is not None and one.definition.primary]
