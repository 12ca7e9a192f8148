"""The parts of a lab, brought up side by side: fabric, guest image, controllers, nodes; the API server has begun."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from lab.appearing import appears
from lab.client import Client, Informer
from lab.config import LabConfig
from lab.fabric.bringup import NEIGHBOUR_SECONDS, Fabric
from lab.fabric.renewal import renew_node
from lab.guest import image
from lab.processes import Processes
from lab.resources import NODES

REMINDER = 10.0  # seconds between two lines that tell what is waited for
READY_LIMIT = 60.0  # seconds for one part to be ready; the end of its process is noticed at once


class Assembly:
    """The lab's parts. ``start`` starts a component's process by name, ``step`` is told what is ready, and
    what is waited for when nothing becomes ready for long."""

    def __init__(
        self,
        config: LabConfig,
        processes: Processes,
        start: Callable[[str], Awaitable[None]],
        step: Callable[[str], None],
    ) -> None:
        self._config = config
        self._processes = processes
        self._fabric = Fabric(config, processes)
        self._start = start
        self._step = step

    async def up(self) -> None:
        """Returns when the API answers, every Node is ready, and the default network is in every switch.

        Raises a group of what went wrong.
        """
        async with asyncio.TaskGroup() as tasks:
            api = tasks.create_task(self._api())
            fabric = tasks.create_task(self._fabric_up())
            guest_image = tasks.create_task(asyncio.to_thread(image.ensure))  # built once: takes a minute or two
            controllers = tasks.create_task(self._controllers(api))
            nodes = tasks.create_task(self._nodes(api, fabric))
            parts = {"API server": api, "fabric": fabric, "controllers": controllers, "nodes": nodes}
            reminder = tasks.create_task(self._remind(parts | {"guest image": guest_image}))
            await asyncio.wait([*parts.values(), guest_image])
            reminder.cancel()

    async def renew(self, tell: Callable[[str], None]) -> None:
        """Restart API server, controllers, and each node's switch and controller, one after the other.

        The nodes' agents stay: the machines are their children.
        """
        processes, state = self._processes, self._config.state
        await processes.restart("apiserver")
        await appears(state / "apiserver" / "ready", READY_LIMIT)
        tell("API server restarted")
        await processes.end(["controllers"])
        (state / "ready" / "controllers").unlink(missing_ok=True)
        await processes.restart("controllers")
        await appears(state / "ready" / "controllers", READY_LIMIT)
        tell("controllers restarted")
        for node in self._config.nodes:
            await renew_node(self._config, processes, self._fabric, node)
            tell(f"OVS and ovn-controller of {node.name} restarted")

    async def _remind(self, parts: Mapping[str, asyncio.Task[Any]]) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(REMINDER)
            waited = [name for name, task in parts.items() if not task.done()]
            self._step(f"waiting for {', '.join(waited)} ({time.monotonic() - began:.0f} s)")

    async def keep(self, stop: asyncio.Event) -> None:
        """Until ``stop``: tell the nodes' switches of each other before they forget."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(NEIGHBOUR_SECONDS / 2):
                    await stop.wait()
                    return
            try:
                await asyncio.to_thread(self._fabric.introduce_nodes)
            except OSError as error:
                print(f"the nodes' switches were not told of each other: {error}", file=sys.stderr, flush=True)

    async def _fabric_up(self) -> None:
        await self._fabric.up()
        self._step("fabric ready")

    async def _api(self) -> None:
        await appears(self._config.state / "apiserver" / "ready", READY_LIMIT)
        async with Client.from_kubeconfig(self._config.kubeconfig, "supervisor") as client:
            await client.request("GET", "/readyz")
        self._step("API server ready")

    async def _controllers(self, api: asyncio.Task[None]) -> None:
        await asyncio.gather(asyncio.shield(api), self._fabric.central.wait())
        await self._start("controllers")
        await appears(self._config.state / "ready" / "controllers", READY_LIMIT)
        self._step("controllers ready")

    async def _nodes(self, api: asyncio.Task[None], fabric: asyncio.Task[None]) -> None:
        await asyncio.shield(api)
        await self._start("nodes")
        await asyncio.shield(fabric)
        async with Client.from_kubeconfig(self._config.kubeconfig, "supervisor") as client:
            nodes = Informer(client, NODES)
            await nodes.start()
            for node in self._config.nodes:
                try:
                    async with asyncio.timeout(READY_LIMIT):
                        await nodes.wait_for(None, node.name, is_ready)
                except TimeoutError as error:
                    raise TimeoutError(f"node {node.name} is not Ready after {READY_LIMIT:g} s") from error
            await nodes.stop()
        self._step("nodes ready")


def is_ready(node: dict[str, Any] | None) -> bool:
    """Whether a Node's condition Ready is True."""
    conditions = (node or {}).get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
