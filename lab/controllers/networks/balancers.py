"""Services as load balancers: each on the network of its namespace, those of the API and of DNS on every network.

Endpoints come from the EndpointSlices: on the default network from the default ones, on a primary network from their
copies. Node ports and external addresses lead, by the nodes' own NAT, to the network's address beyond the cluster,
which is told to the nodes by an annotation of the Service.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.client import NotFound
from lab.config import SERVICE_GATEWAY, UNDERLAY_SUBNETS
from lab.controllers.networks.mirror import DEFAULT_SERVICE, SERVICE, is_mirror
from lab.controllers.networks.registry import MissingPrimary, Registry
from lab.controllers.runtime import Context, Controller, Key, key_of
from lab.fabric import names
from lab.fabric.model import DEFAULT_NETWORK, Balancer, Entrance
from lab.fabric.northbound import Northbound
from lab.resources import ENDPOINT_SLICES, NADS, SERVICES

Object = dict[str, Any]
Backends = tuple[str, ...]

#: Reached from every network: what OVN-Kubernetes calls the UDN-enabled services.
EVERYWHERE = (Key("default", "kubernetes"), Key("kube-system", "kube-dns"))


class ServiceBalancers:
    """Keeps the load balancers of services in the fabric."""

    def __init__(self, context: Context, registry: Registry, northbound: Northbound) -> None:
        self._client = context.client
        self._faults = context.faults
        self._registry = registry
        self._northbound = northbound
        self._services = context.informers.of(SERVICES)
        self._slices = context.informers.of(ENDPOINT_SLICES)
        self._known: defaultdict[Key, set[str]] = defaultdict(set)
        self._looked: asyncio.Future[None] | None = None
        self.controller = Controller("service-balancers", self.reconcile)
        self.controller.watch(self._services)
        self.controller.watch(self._slices, keys=_service_of)
        self.controller.watch(context.informers.of(NADS), keys=self._beside)
        registry.on_realized.append(self._follow)

    async def reconcile(self, key: Key) -> None:
        """Bring the load balancers of one service in line with it and its endpoints."""
        if self._looked is None:
            self._looked = asyncio.ensure_future(self._look())
        await asyncio.shield(self._looked)
        service = self._services.get(key.namespace, key.name)
        wanted: set[str] = set()
        if service is not None and "deletionTimestamp" not in service["metadata"]:
            wanted = await self._balance(key, service)
        for name in self._known[key] - wanted:
            await self._northbound.delete_balancer(name)
        self._known[key] = wanted
        if service is None:
            del self._known[key]

    async def _look(self) -> None:
        """Find what an earlier run left, so that it goes with services that went meanwhile."""
        for name in await self._northbound.balancers():
            key = Key(*name.rpartition("Service_")[2].split("_")[0].split("/"))
            self._known[key].add(name)
            self.controller.enqueue(key)

    async def _balance(self, key: Key, service: Object) -> set[str]:
        wanted: set[str] = set()
        if not _addresses(service):
            return wanted
        home = await self._network_of(key.namespace)
        if home is None:
            return wanted
        endpoints = self._endpoints(key, home)
        networks = self._everywhere() if key in EVERYWHERE else (home,)
        for protocol, ports in _by_protocol(service).items():
            for network in networks:
                fronts = {
                    _front(address, int(port["port"])): _of_family(endpoints.get(_port_key(port), ()), address)
                    for address in _addresses(service)
                    for port in ports
                }
                name = f"{names.prefix(network)}Service_{key}_{protocol}"
                await self._northbound.ensure_balancer(Balancer(name, network, protocol, fronts))
                wanted.add(name)
            entries = {int(port["nodePort"]): port for port in ports if port.get("nodePort")}
            if entries:
                backends = {
                    # Nodes pass on what comes to their IPv4 addresses alone.
                    number: _of_family(endpoints.get(_port_key(port), ()), UNDERLAY_SUBNETS[0])
                    for number, port in entries.items()
                }
                name = f"{names.prefix(home)}Service_{key}_{protocol}_entrance"
                address = await self._northbound.ensure_entrance(Entrance(name, home, protocol, backends))
                wanted.add(name)
                await self._tell_gateway(service, address)
        return wanted

    async def _network_of(self, namespace: str) -> str | None:
        """The network whose pods a service of the namespace stands for; None while it is awaited."""
        try:
            attachment = await self._registry.primary_of(namespace)
        except MissingPrimary:
            return None
        return DEFAULT_NETWORK if attachment is None else attachment.definition.network

    def _everywhere(self) -> tuple[str, ...]:
        primaries = {one.definition.network for one in self._registry.attachments() if one.definition.primary}
        return (DEFAULT_NETWORK, *sorted(network for network in primaries if self._registry.realized(network)))

    def _endpoints(self, key: Key, network: str) -> Mapping[str, Sequence[str]]:
        """Ready endpoints as ``address:port``, by name and protocol of the service's port."""
        label = DEFAULT_SERVICE if network == DEFAULT_NETWORK else SERVICE
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for one in self._slices.list():
            metadata = one["metadata"]
            if metadata["namespace"] != key.namespace or (metadata.get("labels") or {}).get(label) != key.name:
                continue
            for endpoint in one.get("endpoints") or ():
                if not (endpoint.get("conditions") or {}).get("ready", True):
                    continue
                for port in one.get("ports") or ():
                    for address in endpoint["addresses"]:
                        found[_port_key(port)][_front(address, int(port["port"]))] = None
        return {
            port: self._faults.decide("services.backends", tuple(sorted(backends)), service=str(key), network=network)
            for port, backends in found.items()
        }

    async def _tell_gateway(self, service: Object, address: str | None) -> None:
        metadata = service["metadata"]
        if (metadata.get("annotations") or {}).get(SERVICE_GATEWAY) == address:
            return
        body = {"metadata": {"annotations": {SERVICE_GATEWAY: address}}}
        try:
            await self._client.patch(SERVICES, metadata["name"], metadata["namespace"], body)
        except NotFound:
            return

    def _beside(self, nad: Object) -> Iterable[Key]:
        namespace = nad["metadata"]["namespace"]
        return [key_of(service) for service in self._services.list() if service["metadata"]["namespace"] == namespace]

    def _follow(self, network: str) -> None:
        """A network has come, or has got switches: the services on it, and those that are everywhere."""
        namespaces = {one.namespace for one in self._registry.attachments(network)}
        for service in self._services.list():
            key = key_of(service)
            if key.namespace in namespaces or key in EVERYWHERE:
                self.controller.enqueue(key)


def _service_of(endpoint_slice: Object) -> Iterable[Key]:
    labels = endpoint_slice["metadata"].get("labels") or {}
    name = labels.get(SERVICE if is_mirror(endpoint_slice) else DEFAULT_SERVICE)
    return (Key(endpoint_slice["metadata"]["namespace"], name),) if name else ()


def _addresses(service: Object) -> list[str]:
    """The service's cluster addresses; none of a headless or external one."""
    spec = service["spec"]
    return [address for address in spec.get("clusterIPs") or () if address != "None"]


def _by_protocol(service: Object) -> dict[str, list[Object]]:
    found: defaultdict[str, list[Object]] = defaultdict(list)
    for port in service["spec"].get("ports") or ():
        found[str(port.get("protocol", "TCP"))].append(port)
    return found


def _port_key(port: Object) -> str:
    return f"{port.get('protocol', 'TCP')} {port.get('name', '')}"


def _of_family(backends: Iterable[str], address: str) -> Backends:
    wanted = ":" in address
    return tuple(backend for backend in backends if backend.startswith("[") is wanted)


def _front(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
