"""Connects pods: addresses, ports in the fabric, and the annotation that tells nodes of them.

One key is one workload: a pod, or all launcher pods of a virtual machine, whose port on a user-defined network moves
with the machine. The annotation is written once, whole, and after the fabric has the ports at the pod's node.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

from lab.client import NotFound
from lab.controllers.networks.allocator import AllocationError, mac_of
from lab.controllers.networks.annotation import (
    DEFAULT,
    LOCKED,
    POD_NETWORKS,
    Entry,
    default_entry,
    network_entry,
    pod_networks,
    read_pod_networks,
)
from lab.controllers.networks.definition import Attachment, Definition
from lab.controllers.networks.leases import ClaimAwaited, Leases
from lab.controllers.networks.lines import Line, Lines
from lab.controllers.networks.registry import MissingPrimary, Registry
from lab.controllers.networks.workloads import (
    Request,
    default_port,
    default_request,
    holder_of,
    is_launcher,
    launchers_of_run,
    machine_of,
    moves_on,
    network_port,
    owner_of,
    port_nodes,
    same_workload,
    secondary_requests,
    workload_of,
)
from lab.controllers.placement import finished
from lab.controllers.runtime import Context, Controller, Key
from lab.fabric.model import DEFAULT_NETWORK, Port
from lab.fabric.northbound import Northbound
from lab.resources import IPAM_CLAIMS, NADS, PODS, VMIS

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)


class PodNetworks:
    """Gives each pod its networks and takes them back."""

    def __init__(self, context: Context, registry: Registry, leases: Leases, northbound: Northbound) -> None:
        self._client = context.client
        self._faults = context.faults
        self._registry = registry
        self._leases = leases
        self._lines = Lines(northbound, leases)
        self._pods = context.informers.of(PODS)
        self._vmis = context.informers.of(VMIS)
        self._restored: asyncio.Future[None] | None = None
        self._told: dict[str, str] = {}
        self._hungry: set[Key] = set()
        self.controller = Controller("pod-networks", self.reconcile)
        self.controller.watch(self._pods, keys=lambda pod: (workload_of(pod),))
        self.controller.watch(self._vmis, keys=_key_of_vmi)
        self.controller.watch(context.informers.of(NADS), keys=self._waiting_beside)
        self.controller.watch(context.informers.of(IPAM_CLAIMS), keys=self._waiting_beside)
        leases.on_release.append(self._feed)

    async def reconcile(self, key: Key) -> None:
        """Bring one workload's pods, ports and addresses together."""
        await self._restore_once()
        pods = [pod for pod in same_workload(self._pods.list(), key) if not finished(pod)]
        await self._take_back(key, {pod["metadata"]["uid"] for pod in pods})
        placed = launchers_of_run([pod for pod in pods if pod["spec"].get("nodeName")])
        for pod in placed:
            if POD_NETWORKS not in (pod["metadata"].get("annotations") or {}):
                await self._try_connect(key, pod, placed)
        await self._move(key, placed)

    async def _try_connect(self, key: Key, pod: Object, placed: Sequence[Object]) -> None:
        if "deletionTimestamp" in pod["metadata"]:
            return
        try:
            entries = await self._connect(key, pod, placed)
        except MissingPrimary as error:
            await self._tell(pod, "ErrorReconcilingPod", str(error))
        except ClaimAwaited as error:
            _LOG.info("pod %s: %s", key, error)
        except (AllocationError, ValueError) as error:
            self._hungry.add(key)
            await self._tell(pod, "ErrorAllocatingPod", str(error))
        else:
            self._told.pop(pod["metadata"]["uid"], None)
            self._hungry.discard(key)
            await self._annotate(pod, pod_networks(entries))

    async def _connect(self, key: Key, pod: Object, placed: Sequence[Object]) -> dict[str, Entry]:
        primary = await self._registry.primary_of(key.namespace)
        wanted: list[tuple[Attachment, Request]] = []
        if primary is not None:
            wanted.append((primary, default_request(pod)))
        for place, request in secondary_requests(pod):
            attachment = self._registry.attachment(place)
            if attachment is None:
                raise ValueError(f"cannot find a network-attachment-definition {place}")
            wanted.append((attachment, request))
        entries = {DEFAULT: await self._connect_default(pod, primary is not None)}
        for attachment, request in wanted:
            entries[attachment.key] = await self._connect_network(pod, attachment, request, placed)
        return entries

    async def _connect_default(self, pod: Object, has_primary: bool) -> Entry:
        node = pod["spec"]["nodeName"]
        pool = self._registry.default_pool(node)
        holder = holder_of(pod)
        addresses = pool.take(holder)
        name = default_port(pod)
        port = Port(name, DEFAULT_NETWORK, mac_of(addresses), _bare(addresses), (node,), locked=has_primary)
        line = self._lines.join(Line(workload_of(pod), port, pool, holder, addresses), pod["metadata"]["uid"])
        await self._lines.write(line)
        return default_entry(addresses, port.mac, name, has_primary)

    async def _connect_network(
        self, pod: Object, attachment: Attachment, request: Request, placed: Sequence[Object]
    ) -> Entry:
        definition = attachment.definition
        node, uid = pod["spec"]["nodeName"], pod["metadata"]["uid"]
        pool = self._registry.pool(definition, node, pod["metadata"]["namespace"])
        name = network_port(pod, attachment)
        follows = moves_on(pod, definition.topology)
        owner = owner_of(pod) if follows else holder_of(pod)
        addresses, holder = await self._leases.take(pool, owner, request, pod)
        facts = {"network": definition.network, "namespace": pod["metadata"]["namespace"], "pod": uid, "port": name}
        known = self._lines.get(name)
        moves = known is not None and bool(known.users - {uid})
        if moves and not self._faults.decide("addresses.keep-on-migration", True, **facts):
            addresses = self._leases.again(pool, holder)
        mac = self._faults.decide("mac.of", self._mac(definition.network, holder, addresses, request, name), **facts)
        port = Port(
            name,
            self._faults.decide("ports.network", definition.network, **facts),
            mac,
            _bare(addresses),
            nodes=(node,),
            dhcp=self._faults.decide("ports.dhcp", _has_dhcp(pod, definition), **facts),
            hostname=machine_of(workload_of(pod)),
        )
        line = Line(workload_of(pod), port, pool, holder, addresses, moves=follows)
        line = self._lines.join(line, uid)
        await self._registry.realize(definition)
        await self._lines.write(line, self._nodes(pod, placed) if line.moves else None)
        return network_entry(definition, self._registry.host_subnets(definition, node), addresses, mac, name)

    def _mac(self, network: str, holder: str, addresses: tuple[str, ...], request: Request, port: str) -> str:
        asked = request.mac.lower() if request.mac else None
        if asked is not None:
            taken = self._lines.macs(network).get(asked, holder) != holder
            if taken and self._faults.decide("mac.unique", True, network=network, mac=asked):
                raise AllocationError("MAC address already in use", "MACAddressConflict")
            return asked
        # Without addresses the MAC is made up, but stays the workload's own.
        return mac_of(addresses) if addresses else _made_up_mac(port)

    async def _move(self, key: Key, placed: Sequence[Object]) -> None:
        """Have the ports of a machine follow it."""
        if machine_of(key) is None or not placed:
            return
        for line in self._lines.of(key):
            # A pod that is not connected yet is not on the way: connecting it prepares the port for it.
            users = [pod for pod in placed if pod["metadata"]["uid"] in line.users]
            if line.moves and users:
                await self._lines.write(line, self._nodes(users[-1], users))

    def _nodes(self, pod: Object, placed: Sequence[Object]) -> tuple[str, ...]:
        machine = machine_of(workload_of(pod)) or ""
        namespace = pod["metadata"]["namespace"]
        vmi = self._vmis.get(namespace, machine) or {}
        home = vmi.get("status", {}).get("nodeName")
        nodes = port_nodes(placed, home)
        return self._faults.decide("ports.nodes", nodes, namespace=namespace, vm=machine, home=home)

    async def _take_back(self, key: Key, alive: set[str]) -> None:
        """Release what pods of this workload used that are no more."""
        for line in self._lines.of(key):
            if gone := line.users - alive:
                await self._lines.leave(line, gone)

    async def _annotate(self, pod: Object, text: str) -> None:
        metadata = pod["metadata"]
        body = {"metadata": {"uid": metadata["uid"], "annotations": {POD_NETWORKS: text}}}
        try:
            await self._client.patch(PODS, metadata["name"], metadata["namespace"], body)
        except NotFound:
            return

    async def _tell(self, pod: Object, reason: str, message: str) -> None:
        uid = pod["metadata"]["uid"]
        if self._told.get(uid) != message:
            self._told[uid] = message
            await self._client.event(pod, "Warning", reason, message)

    def _waiting_beside(self, obj: Object) -> Iterable[Key]:
        namespace = obj["metadata"]["namespace"]
        return [
            workload_of(pod)
            for pod in self._pods.list()
            if pod["metadata"]["namespace"] == namespace
            and pod["spec"].get("nodeName")
            and POD_NETWORKS not in (pod["metadata"].get("annotations") or {})
        ]

    def _feed(self) -> None:
        for key in self._hungry:
            self.controller.enqueue(key)

    async def _restore_once(self) -> None:
        """Once, before anything else: learn from claims and annotations what an earlier run gave out."""
        if self._restored is None:
            self._restored = asyncio.ensure_future(self._restore())
        await asyncio.shield(self._restored)

    async def _restore(self) -> None:
        self._leases.restore()
        for pod in self._pods.list():
            if not finished(pod):
                self._restore_pod(pod)
        await self._lines.sweep()

    def _restore_pod(self, pod: Object) -> None:
        for place, entry in read_pod_networks(pod).items():
            attachment = None if place == DEFAULT else self._registry.attachment(place)
            node = pod["spec"]["nodeName"]
            if place != DEFAULT and attachment is None:
                continue
            addresses = tuple(entry["ip_addresses"])
            locked = entry["role"] == LOCKED
            port = Port(
                entry["iface_id"], DEFAULT_NETWORK, entry["mac_address"], _bare(addresses), (node,), locked=locked
            )
            if attachment is None:
                pool, holder, moves = self._registry.default_pool(node), holder_of(pod), False
            else:
                definition = attachment.definition
                pool = self._registry.pool(definition, node, pod["metadata"]["namespace"])
                moves = moves_on(pod, definition.topology)
                holder = pool.holder(addresses) or (owner_of(pod) if moves else holder_of(pod))
                hostname = machine_of(workload_of(pod))
                dhcp = _has_dhcp(pod, definition)
                port = replace(port, network=definition.network, dhcp=dhcp, hostname=hostname)
            if addresses:
                pool.hold(holder, addresses)
            line = Line(workload_of(pod), port, pool, holder, addresses, moves)
            self._lines.join(line, pod["metadata"]["uid"])


def _has_dhcp(pod: Object, definition: Definition) -> bool:
    return is_launcher(pod) and definition.primary and definition.topology == "layer2"


def _bare(addresses: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(ip_interface(address).ip) for address in addresses)


def _made_up_mac(port: str) -> str:
    octets = hashlib.sha256(port.encode()).digest()[:4]
    return "0a:58:" + ":".join(f"{octet:02x}" for octet in octets)


def _key_of_vmi(vmi: Object) -> tuple[Key]:
    return (Key(vmi["metadata"]["namespace"], f"vm/{vmi['metadata']['name']}"),)
