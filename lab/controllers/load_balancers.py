"""External addresses for services of type LoadBalancer, out of a pool of the physical network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from lab.client import NotFound
from lab.config import EXTERNAL_SUBNET
from lab.controllers.runtime import Context, Controller, Key
from lab.resources import SERVICES

Object = dict[str, Any]


async def build(context: Context) -> Sequence[Controller]:
    """The controller that gives addresses out and takes them back."""
    return [LoadBalancers(context).controller]


class LoadBalancers:
    """The pool; what is given out stands in the services' status."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._faults = context.faults
        self._services = context.informers.of(SERVICES)
        self._giving = asyncio.Lock()
        self._given: dict[Key, str] = {}
        self.controller = Controller("load-balancers", self.reconcile).watch(self._services)

    async def reconcile(self, key: Key) -> None:
        """Give one service its address, or take it back."""
        service = self._services.get(key.namespace, key.name)
        if service is None or "deletionTimestamp" in service["metadata"]:
            self._given.pop(key, None)
            return
        ingress = (service.get("status", {}).get("loadBalancer") or {}).get("ingress")
        if service["spec"].get("type") != "LoadBalancer":
            self._given.pop(key, None)
            if ingress:
                await self._tell(key, [])
            return
        async with self._giving:
            address = ingress[0]["ip"] if ingress else self._given.get(key) or self._free()
            self._given[key] = address
        if not ingress and self._faults.decide("services.external-address", True, service=str(key)):
            await self._tell(key, [{"ip": address, "ipMode": "VIP"}])

    def _free(self) -> str:
        taken = set(self._given.values())
        for service in self._services.list():
            taken |= {entry["ip"] for entry in (service["status"].get("loadBalancer") or {}).get("ingress") or ()}
        for host in ip_network(EXTERNAL_SUBNET):
            if str(host) not in taken:
                return str(host)
        raise RuntimeError(f"no address of {EXTERNAL_SUBNET} is free for a service of type LoadBalancer")

    async def _tell(self, key: Key, ingress: list[Object]) -> None:
        status = {"status": {"loadBalancer": {"ingress": ingress}}}
        try:
            await self._client.patch(SERVICES, key.name, key.namespace, status, subresource="status")
        except NotFound:
            return
