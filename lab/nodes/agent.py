"""One node's agent: its Node object, its pods, its server, its virt-handler."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from lab.appearing import appears
from lab.client import Client, Informer, Refused
from lab.config import LabConfig, Node
from lab.faults.seams import Faults
from lab.nodes.api_relay import ApiRelay
from lab.nodes.context import NodeContext
from lab.nodes.pods import PodKeeper
from lab.nodes.registration import keep_alive, register
from lab.nodes.sandbox import Sandboxes
from lab.nodes.server.app import NodeServer
from lab.nodes.service_ports import ServicePorts
from lab.nodes.virt_handler.handler import VirtHandler
from lab.resources import PODS

_LOG = logging.getLogger(__name__)
FABRIC_LIMIT = 60.0  # seconds for the node's own switch to be there


class NodeAgent:
    """The agent of one node."""

    def __init__(self, config: LabConfig, node: Node, image: Path) -> None:
        faults = Faults(config.state)
        self._client = Client.from_kubeconfig(config.state / "pki" / "nodes.kubeconfig", "kubelet", faults)
        pods = Informer(self._client, PODS, fields=f"spec.nodeName={node.name}")
        self.context = NodeContext(config, node, self._client, faults, pods, Sandboxes())
        self._keeper = PodKeeper(self.context, image)
        self._virt_handler = None if node.control_plane else VirtHandler(self.context)
        self._service_ports = ServicePorts(self.context)
        self._api_relay = ApiRelay(self.context) if node.control_plane else None
        routes = self._virt_handler.routes() if self._virt_handler else ()
        self._server = NodeServer(config.state, self._keeper, routes)
        self._heartbeat: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve, register, and begin with the pods that are there. Waits for an API that is not up yet."""
        port = await self._server.start()
        await register(self.context, port)
        self._heartbeat = asyncio.create_task(keep_alive(self.context, port))
        self.context.pods.on_change(self._keeper.on_change)
        await self.context.pods.start()
        if self._virt_handler:
            await self._virt_handler.start()
        self._opening = asyncio.create_task(self._open_ports(), name=f"ports of {self.context.node.name}")

    async def stop(self) -> None:
        """End everything on this node."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await self._heartbeat
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._service_ports.stop()
        if self._api_relay:
            await self._api_relay.stop()
        await self.context.pods.stop()
        if self._virt_handler:
            await self._virt_handler.stop()
        await self._keeper.stop()
        await self._server.stop()
        await self._client.close()

    async def _open_ports(self) -> None:
        """What the node serves on its own address, once the fabric has given it one."""
        folder = self.context.config.state / "nodes" / self.context.node.name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            await appears(folder / "db.sock", FABRIC_LIMIT)
            await self._service_ports.start()
            if self._api_relay:
                await self._api_relay.start()
        except (OSError, TimeoutError, Refused) as error:
            _LOG.error("node %s serves neither node ports nor the API: %s", self.context.node.name, error)
