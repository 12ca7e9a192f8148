"""What every controller is made of: shared informers, keys, one worker a key, retries with back-off.

A controller is told *which* objects may need work, never *what* changed: its ``reconcile`` looks at the informers and
brings the world to where it should be. A key is worked on by one task at a time; changes seen meanwhile lead to one
more run. An error is logged and tried again later; ``reconcile`` may also return the seconds after which to look again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp

from lab.client import Client, Conflict, Refused
from lab.config import LabConfig
from lab.faults.seams import Faults
from lab.informer import Informer
from lab.resources import Resource

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)
_FIRST_RETRY = 0.02
_LONGEST_RETRY = 5.0
_WORKERS = 32


class Key(NamedTuple):
    """An object's place: ``namespace`` is empty for kinds without one."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


Reconcile = Callable[[Key], Awaitable[float | None]]
Mapper = Callable[[Object], Iterable[Key]]


def key_of(obj: Object) -> Key:
    """The key of an object."""
    metadata = obj["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])


class Informers:
    """One informer a kind, shared by all controllers of a process."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._informers: dict[Resource, Informer] = {}

    def of(self, resource: Resource) -> Informer:
        """The informer of all objects of a kind; it follows the API once :meth:`start` was called."""
        if resource not in self._informers:
            self._informers[resource] = Informer(self._client, resource)
        return self._informers[resource]

    async def start(self) -> None:
        """Begin every informer that was asked for, and return when each has its first list."""
        await asyncio.gather(*(informer.start() for informer in self._informers.values()))

    async def stop(self) -> None:
        """End every watch."""
        await asyncio.gather(*(informer.stop() for informer in self._informers.values()))


@dataclass(frozen=True)
class Context:
    """What a room of controllers is given to work with."""

    client: Client
    config: LabConfig
    faults: Faults
    informers: Informers
    closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


Build = Callable[[Context], Awaitable[Sequence["Controller"]]]


class Controller:
    """A queue of keys and the function that brings each to where it should be."""

    def __init__(self, name: str, reconcile: Reconcile, workers: int = _WORKERS) -> None:
        self.name = name
        self._reconcile = reconcile
        self._limit = asyncio.Semaphore(workers)
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._waiting: dict[Key, None] = {}
        self._started = False

    def watch(self, informer: Informer, keys: Mapper | None = None) -> Controller:
        """Queue, at each change of an object, its own key, or those that ``keys`` gives for its old and new state."""
        mapper = keys or (lambda obj: (key_of(obj),))

        def changed(old: Object | None, new: Object | None) -> None:
            found = dict.fromkeys(key for state in (old, new) if state is not None for key in mapper(state))
            for key in found:
                self.enqueue(key)

        informer.on_change(changed)
        return self

    def enqueue(self, key: Key, after: float = 0.0) -> None:
        """Have a key worked on, now or after some seconds; an earlier date wins over a later one."""
        if after > 0:
            self._schedule(key, after)
            return
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if not self._started:
            self._waiting[key] = None
        elif key in self._running:
            self._again.add(key)
        else:
            self._running[key] = asyncio.create_task(self._work(key), name=f"{self.name} {key}")

    def start(self) -> None:
        """Begin to work, first on what was queued before."""
        self._started = True
        for key in self._waiting:
            self.enqueue(key)
        self._waiting.clear()

    async def stop(self, grace: float = 2.0) -> None:
        """Take no more keys, let the running ones end within ``grace`` seconds, then cancel them."""
        self._started = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        tasks = list(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _schedule(self, key: Key, after: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + after
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(after, self._due, key)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.enqueue(key)

    async def _work(self, key: Key) -> None:
        try:
            async with self._limit:
                self._again.discard(key)
                await self._once(key)
        finally:
            del self._running[key]
            if key in self._again:
                self._again.discard(key)
                self.enqueue(key)

    async def _once(self, key: Key) -> None:
        try:
            after = await self._reconcile(key)
        except Conflict as error:
            # Someone else wrote first: the informer will bring the new state, or already has.
            _LOG.debug("%s: %s: %s", self.name, key, error.message)
            self._retry(key)
        except (Refused, aiohttp.ClientError, TimeoutError, OSError) as error:
            _LOG.warning("%s: %s: %s", self.name, key, error)
            self._retry(key)
        except Exception:
            # A mistake in one controller must not end the process that all of them share.
            _LOG.exception("%s: %s failed", self.name, key)
            self._retry(key)
        else:
            self._failures.pop(key, None)
            if after is not None:
                self.enqueue(key, after=max(after, 0.001))

    def _retry(self, key: Key) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._started:
            self._schedule(key, min(_LONGEST_RETRY, _FIRST_RETRY * 2.0 ** min(failures, 16)))
