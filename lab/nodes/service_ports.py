"""Services from beyond the cluster: node ports and external addresses, by NAT in the node's namespace.

What comes for a service goes on to its network's own address beyond the cluster, where OVN's load balancer picks the
backend (``externalTrafficPolicy: Cluster``: any node, whichever runs the backends, with the node's address as source).
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from pyroute2 import IPRoute

from lab import netns
from lab.config import SERVICE_GATEWAY
from lab.fabric import links
from lab.fabric.daemons import PHYSICAL_BRIDGE
from lab.informer import Informer
from lab.nodes.context import NodeContext
from lab.resources import SERVICES

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)


class ServicePorts:
    """The rules of one node; they follow the services."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._services = Informer(context.client, SERVICES)
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._rules = ""
        self._held: set[str] = set()

    async def start(self) -> None:
        """Follow the services until :meth:`stop`."""
        await asyncio.to_thread(links.route_for_others, self._context.netns)
        self._services.on_change(lambda old, new: self._changed.set())
        await self._services.start()
        self._changed.set()
        self._following = asyncio.create_task(self._follow(), name=f"service ports {self._context.node.name}")

    async def stop(self) -> None:
        """Let go; the rules go with the namespace."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            await self._services.stop()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._apply(self._services.list())
            except OSError as error:
                _LOG.error("node %s: service ports: %s", self._context.node.name, error)

    async def _apply(self, services: Iterable[Object]) -> None:
        node = self._context.node
        open_services = [service for service in services if _gateway(service)]
        open_services = self._context.faults.decide("node.service-ports", open_services, node=node.name)
        rules = ruleset(open_services, node.address)
        if rules != self._rules:
            await self._load(rules)
            self._rules = rules
        announced = {address for service in open_services for address in self._announced(service)}
        if announced != self._held:
            await netns.inside(self._context.netns, _hold, announced - self._held, self._held - announced)
            self._held = announced

    async def _load(self, rules: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *netns.command(self._context.netns, ["nft", "-f", "-"]),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate(rules.encode())
        if process.returncode:
            raise OSError(f"nft does not take the rules: {errors.decode().strip()}")

    def _announced(self, service: Object) -> Iterator[str]:
        """External addresses for which this node, of all nodes, answers."""
        nodes = self._context.config.nodes
        uid = str(service["metadata"]["uid"])
        if nodes[zlib.crc32(uid.encode()) % len(nodes)].name == self._context.node.name:
            yield from external_addresses(service)


def ruleset(services: Iterable[Object], address: str) -> str:
    """The table of a node with this address."""
    rules = "\n".join(rule for service in services for rule in _rules(service, address))
    chains = "\n".join(
        f"chain {hook} {{ type nat hook {hook} priority -100; policy accept;\n{rules}\n}}"
        for hook in ("prerouting", "output")
    )
    back = "chain back { type nat hook postrouting priority srcnat; policy accept; ct status dnat masquerade; }"
    return f"table ip services\ndelete table ip services\ntable ip services {{\n{chains}\n{back}\n}}\n"


def external_addresses(service: Object) -> list[str]:
    """The addresses that a load balancer gave."""
    ingress = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or ()
    return [entry["ip"] for entry in ingress if entry.get("ip")]


def _rules(service: Object, address: str) -> Iterator[str]:
    gateway = _gateway(service)
    for port in service["spec"].get("ports") or ():
        number, protocol = port.get("nodePort"), str(port.get("protocol", "TCP")).lower()
        if not number:
            continue
        yield f"ip daddr {address} {protocol} dport {number} dnat to {gateway}:{number}"
        for external in external_addresses(service):
            yield f"ip daddr {external} {protocol} dport {port['port']} dnat to {gateway}:{number}"


def _gateway(service: Object) -> str | None:
    return (service["metadata"].get("annotations") or {}).get(SERVICE_GATEWAY)


def _hold(ip: IPRoute, new: set[str], old: set[str]) -> None:
    index = ip.link_lookup(ifname=PHYSICAL_BRIDGE)[0]
    for address in new:
        ip.addr("replace", index=index, address=address, prefixlen=32)
    for address in old:
        ip.addr("del", index=index, address=address, prefixlen=32)
