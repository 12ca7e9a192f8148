"""The process that owns a lab: brings everything up, in parallel where it can, watches it, and takes it down.

It restarts nothing. A process that ends while the lab comes up fails the whole; later it is recorded (``degraded``),
and the rest runs on. SIGTERM and SIGINT end everything, in order.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import sys
from contextlib import suppress

from lab import leftovers, state
from lab.appearing import appears
from lab.client import Client, Informer
from lab.config import LabConfig
from lab.fabric.bringup import NEIGHBOUR_SECONDS, Fabric
from lab.guest import image
from lab.processes import Processes, started
from lab.resources import NODES

READY_LIMIT = 60.0  # seconds for one process to be ready; its end is noticed at once
# Ended in this order, each group when the one before is gone; all else, the fabric, comes last.
_END_ORDER = (("nodes",), ("controllers",), ("apiserver",))
_NODE_GRACE = 10.0  # seconds: machines and pods end within


class LabFailed(Exception):
    """The lab could not be brought up; one line that says why."""


class Report:
    """Tells the command that waits what happens: lines of JSON, until it has gone."""

    def __init__(self, descriptor: int | None) -> None:
        self._pipe = os.fdopen(descriptor, "w") if descriptor is not None else None

    def send(self, event: str, text: str = "") -> None:
        """One event: ``step``, ``ready`` or ``failed``."""
        if self._pipe is not None:
            try:
                print(json.dumps({"event": event, "text": text}), file=self._pipe, flush=True)
            except BrokenPipeError:
                self._pipe = None

    def close(self) -> None:
        """Nothing more is to be told."""
        if self._pipe is not None:
            with suppress(BrokenPipeError):
                self._pipe.close()


class Supervisor:
    """Owner of the lab's processes. :meth:`run` lasts as long as the lab."""

    def __init__(self, config: LabConfig, report: Report) -> None:
        self._config = config
        self._report = report
        self._processes = Processes(config.name, config.state / "log", self._ended)
        self._fabric = Fabric(config, self._processes)
        self._phase: state.Phase = "starting"
        self._error = ""
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Bring the lab up, wait for its end, take it down; gives the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        try:
            if await self._came_up():
                self._phase = "ready"
                self._record()
                self._report.send("ready")
                self._report.close()
                await self._keep()
        finally:
            await self._take_down()
        return 1 if self._phase == "failed" else 0

    async def _came_up(self) -> bool:
        coming = asyncio.create_task(self._bring_up())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (coming, stopping):
            task.cancel()
        outcome, _ = await asyncio.gather(coming, stopping, return_exceptions=True)
        if self._stop.is_set():
            return False
        if isinstance(outcome, BaseException):
            self._error = self._error or _first_line(outcome)
            return False
        return True

    async def _bring_up(self) -> None:
        folder = self._config.state
        for part in ("apiserver", "ready", "log"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._record()
        async with asyncio.TaskGroup() as tasks:
            api = tasks.create_task(self._start_api())
            fabric = tasks.create_task(self._start_fabric())
            tasks.create_task(asyncio.to_thread(image.ensure))
            tasks.create_task(self._start_controllers(api))
            tasks.create_task(self._start_nodes(api, fabric))

    async def _start_fabric(self) -> None:
        await self._fabric.up()
        self._step("fabric")

    async def _start_api(self) -> None:
        await self._component("apiserver")
        await appears(self._config.state / "apiserver" / "ready", READY_LIMIT)
        async with Client.from_kubeconfig(self._config.kubeconfig, "supervisor") as client:
            await client.request("GET", "/readyz")
        self._step("API server")

    async def _start_controllers(self, api: asyncio.Task[None]) -> None:
        await asyncio.gather(asyncio.shield(api), self._fabric.central.wait())
        await self._component("controllers")
        await appears(self._config.state / "ready" / "controllers", READY_LIMIT)
        self._step("controllers")

    async def _start_nodes(self, api: asyncio.Task[None], fabric: asyncio.Task[None]) -> None:
        await asyncio.shield(api)
        await self._component("nodes")
        await asyncio.shield(fabric)
        async with Client.from_kubeconfig(self._config.kubeconfig, "supervisor") as client:
            nodes = Informer(client, NODES)
            await nodes.start()
            async with asyncio.timeout(READY_LIMIT):
                for node in self._config.nodes:
                    await nodes.wait_for(None, node.name, _is_ready)
            await nodes.stop()
        self._step("nodes")

    async def _component(self, name: str) -> None:
        if importlib.util.find_spec(f"lab.{name}.__main__") is None:
            raise LabFailed(f"lab.{name} cannot be started: it has no __main__")
        await self._processes.start(name, [sys.executable, "-m", f"lab.{name}", "--state", str(self._config.state)])
        self._record()

    async def _keep(self) -> None:
        """Until told to stop; now and then tell the nodes' switches of each other."""
        while not self._stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(NEIGHBOUR_SECONDS / 2):
                    await self._stop.wait()
                    return
            try:
                await asyncio.to_thread(self._fabric.introduce_nodes)
            except OSError as error:
                print(f"the nodes' switches were not told of each other: {error}", file=sys.stderr, flush=True)

    def _ended(self, name: str, status: int) -> None:
        self._error = self._error or self._processes.failure(name, status)
        print(self._processes.failure(name, status), file=sys.stderr, flush=True)
        if self._phase == "starting":
            self._stop.set()
        elif self._phase == "ready":
            self._phase = "degraded"
        self._record()

    async def _take_down(self) -> None:
        failed = self._phase == "starting" and bool(self._error)
        self._phase = "stopping"
        self._record()
        for group in _END_ORDER:
            await self._processes.end(group, _NODE_GRACE if "nodes" in group else 3.0)
        await self._processes.end([owned.name for owned in self._processes.owned()])
        left = await asyncio.to_thread(leftovers.clear, self._config, failed)
        for line in left.describe():
            print(f"could not remove {line}", file=sys.stderr, flush=True)
        if failed:
            self._phase = "failed"
            self._record()
            self._report.send("failed", self._error)
        self._report.close()

    def _step(self, what: str) -> None:
        self._record()
        self._report.send("step", what)

    def _record(self) -> None:
        mine = os.getpid()
        owned = tuple(self._processes.owned())
        told = state.SupervisorState(self._phase, mine, started(mine) or 0, self._error, owned)
        state.write(self._config.state, told)


def _is_ready(node: dict[str, object] | None) -> bool:
    status = (node or {}).get("status")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _first_line(problem: BaseException) -> str:
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    text = str(problem).strip() or type(problem).__name__
    return text.splitlines()[0]
