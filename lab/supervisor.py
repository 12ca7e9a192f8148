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
from collections.abc import Awaitable, Callable
from contextlib import suppress

from lab import leftovers, state
from lab.config import LabConfig
from lab.orders import Order, Orders, Tell
from lab.processes import Processes, started

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
        self._phase: state.Phase = "starting"
        self._error = ""
        self._stop = asyncio.Event()
        self._keep: Callable[[asyncio.Event], Awaitable[None]] | None = None
        self._renew: Order | None = None
        self._orders = Orders(config.state, {"renew": self._renewed})

    async def run(self) -> int:
        """Bring the lab up, wait for its end, take it down; gives the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        try:
            if await self._came_up() and self._keep is not None:
                self._phase = "ready"
                self._record()
                self._report.send("ready")
                self._report.close()
                await self._orders.serve()
                await self._keep(self._stop)
        finally:
            await self._orders.close()
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
        for part in ("apiserver", "ready", "log"):
            (self._config.state / part).mkdir(parents=True, exist_ok=True)
        self._record()
        await self._component("apiserver")
        # Late: this takes as long to load as the API server does to start.
        from lab.assembly import Assembly

        parts = Assembly(self._config, self._processes, self._component, self._step)
        await parts.up()
        self._keep, self._renew = parts.keep, parts.renew

    async def _renewed(self, tell: Tell) -> None:
        if self._renew is not None:
            await self._renew(tell)
        self._record()

    async def _component(self, name: str) -> None:
        if importlib.util.find_spec(f"lab.{name}.__main__") is None:
            raise LabFailed(f"lab.{name} cannot be started: it has no __main__")
        await self._processes.start(name, [sys.executable, "-m", f"lab.{name}", "--state", str(self._config.state)])
        self._record()

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


def _first_line(problem: BaseException) -> str:
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    text = str(problem).strip() or type(problem).__name__
    return text.splitlines()[0]
