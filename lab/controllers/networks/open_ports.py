"""Ports that pods of a primary network open on the default network: annotation ``k8s.ovn.org/open-default-ports``.

A YAML list of ``{protocol, port}``; ICMP has no port. What cannot be read closes all of them, and is told by an event.
"""

from __future__ import annotations

from typing import Any

import yaml

from lab.controllers.networks.annotation import DEFAULT, LOCKED, read_pod_networks
from lab.controllers.placement import finished
from lab.controllers.runtime import Context, Controller, Key
from lab.fabric.model import DEFAULT_NETWORK, Allow, Filter, PortRange
from lab.fabric.northbound import Northbound
from lab.resources import PODS

Object = dict[str, Any]

OPEN_PORTS = "k8s.ovn.org/open-default-ports"
KIND = "open-ports"
_WITH_PORT = ("tcp", "udp", "sctp")


class OpenPorts:
    """Keeps a filter for each pod that opens ports."""

    def __init__(self, context: Context, northbound: Northbound) -> None:
        self._client = context.client
        self._northbound = northbound
        self._pods = context.informers.of(PODS)
        self._open: dict[Key, Filter] = {}
        self._told: dict[str, str] = {}
        self.controller = Controller("open-ports", self.reconcile)
        self.controller.watch(self._pods)

    async def reconcile(self, key: Key) -> None:
        """Bring one pod's filter to where it should be."""
        pod = self._pods.get(*key)
        wanted = await self._wanted(key, pod) if pod is not None and not finished(pod) else None
        if wanted == self._open.get(key):
            return
        if wanted is None:
            await self._northbound.delete_filter(self._open.pop(key).name)
        else:
            await self._northbound.ensure_filter(wanted)
            self._open[key] = wanted

    async def _wanted(self, key: Key, pod: Object) -> Filter | None:
        text = (pod["metadata"].get("annotations") or {}).get(OPEN_PORTS)
        entry = read_pod_networks(pod).get(DEFAULT) or {}
        if not text or entry.get("role") != LOCKED:
            return None
        try:
            ports = open_ports(text)
        except ValueError as error:
            await self._tell(pod, str(error))
            return None
        return Filter(f"{KIND}/{key}", DEFAULT_NETWORK, (entry["iface_id"],), ingress=(Allow(ports=ports),))

    async def _tell(self, pod: Object, message: str) -> None:
        uid = pod["metadata"]["uid"]
        if self._told.get(uid) != message:
            self._told[uid] = message
            await self._client.event(pod, "Warning", "ErrorUpdatingResource", message)


def open_ports(text: str) -> tuple[PortRange, ...]:
    """The ports that an annotation opens; ``ValueError`` tells what of it cannot be read."""
    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"annotation {OPEN_PORTS} is not YAML: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"annotation {OPEN_PORTS} is no list: {text}")
    return tuple(_range(entry) for entry in entries)


def _range(entry: Any) -> PortRange:
    protocol, port = (entry.get("protocol"), entry.get("port")) if isinstance(entry, dict) else (None, None)
    if protocol == "icmp" and port is None:
        return PortRange("icmp")
    if protocol in _WITH_PORT and isinstance(port, int) and 0 <= port <= 65535:
        return PortRange(protocol, port)
    raise ValueError(f"annotation {OPEN_PORTS}: {entry}: wanted is tcp, udp or sctp with a port, or icmp without one")
