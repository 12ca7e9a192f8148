"""A pod's sandbox: its network namespace and NICs; and how a pod's workload tells its node that it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Route:
    """A route of a NIC: everything for ``destination`` (CIDR) goes to ``next_hop``."""

    destination: str
    next_hop: str


@dataclass(frozen=True)
class Interface:
    """One NIC of a pod, as it stands in the pod's namespace."""

    name: str
    """``eth0`` for the default network, ``ovn-udn1`` for the primary one, ``net1`` … for secondaries."""
    network: str
    """The key in ``k8s.ovn.org/pod-networks``: ``default`` or ``namespace/attachment``."""
    mac: str
    ips: tuple[str, ...]
    """Addresses with their prefix length."""
    mtu: int
    gateways: tuple[str, ...]
    iface_id: str
    """Name of the logical switch port; the value of ``external_ids:iface-id`` on the node's switch."""
    role: str
    routes: tuple[Route, ...] = ()
    host_side: str = ""
    """The other end of the veth: a port of ``br-int`` in the node's namespace."""


@dataclass(frozen=True)
class Sandbox:
    """What a pod runs in."""

    netns: str
    """Name under /run/netns."""
    pod: Object
    """The pod as it was when the sandbox was made."""
    interfaces: tuple[Interface, ...]

    @property
    def uid(self) -> str:
        """The pod's UID."""
        return str(self.pod["metadata"]["uid"])

    @property
    def primary(self) -> Interface:
        """The NIC that the pod's own traffic uses: the primary network's, else ``eth0``."""
        for interface in self.interfaces:
            if interface.role == "primary":
                return interface
        return self.interfaces[0]


StopCallback = Callable[[Sandbox, float], None]


@dataclass
class _Record:
    sandbox: Sandbox
    ended: asyncio.Future[int]


@dataclass
class Sandboxes:
    """The sandboxes of one node. A launcher's machine is run by the virt-handler: the two meet here."""

    _records: dict[str, _Record] = field(default_factory=dict)
    _stop_callbacks: list[StopCallback] = field(default_factory=list)
    _arrivals: dict[str, asyncio.Event] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Sandbox]:
        """The sandboxes that there are now."""
        return iter([record.sandbox for record in self._records.values()])

    def get(self, pod_uid: str) -> Sandbox | None:
        """The sandbox of a pod of this node, None while there is none."""
        record = self._records.get(pod_uid)
        return record.sandbox if record else None

    async def wait(self, pod_uid: str) -> Sandbox:
        """The sandbox of a pod, as soon as there is one; limit it with ``asyncio.timeout``."""
        while (sandbox := self.get(pod_uid)) is None:
            await self._arrivals.setdefault(pod_uid, asyncio.Event()).wait()
        return sandbox

    def completed(self, pod_uid: str, exit_code: int) -> None:
        """For the virt-handler: the launcher's machine ended; its ``compute`` container ends with this code."""
        record = self._records.get(pod_uid)
        if record is not None and not record.ended.done():
            record.ended.set_result(exit_code)

    def on_stopping(self, callback: StopCallback) -> None:
        """For the virt-handler: ``callback(sandbox, seconds)`` when a launcher is to end, as SIGTERM tells one.

        Answer with :meth:`completed` within that many seconds; after them the namespace is taken away.
        """
        self._stop_callbacks.append(callback)

    def add(self, sandbox: Sandbox) -> None:
        """For the node: a sandbox is ready."""
        self._records[sandbox.uid] = _Record(sandbox, asyncio.get_running_loop().create_future())
        if event := self._arrivals.pop(sandbox.uid, None):
            event.set()

    def stop(self, pod_uid: str, grace_seconds: float) -> None:
        """For the node: ask a launcher's machine to end."""
        record = self._records.get(pod_uid)
        if record is not None:
            for callback in self._stop_callbacks:
                callback(record.sandbox, grace_seconds)

    async def ended(self, pod_uid: str) -> int:
        """For the node: the exit code that :meth:`completed` was given, when it is; ``KeyError`` without sandbox."""
        return await asyncio.shield(self._records[pod_uid].ended)

    def discard(self, pod_uid: str) -> None:
        """For the node: the sandbox is gone."""
        if (record := self._records.pop(pod_uid, None)) and not record.ended.done():
            record.ended.cancel()
