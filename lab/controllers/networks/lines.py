"""Lines: the ports of workloads, each with the addresses that it carries and the pods that use it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lab.controllers.networks.allocator import Pool
from lab.controllers.networks.leases import Leases
from lab.controllers.runtime import Key
from lab.fabric.model import Port
from lab.fabric.northbound import Northbound


@dataclass
class Line:
    """One port of a workload. ``holder`` holds its addresses in ``pool``; ``moves``: it follows a machine."""

    workload: Key
    port: Port
    pool: Pool
    holder: str
    addresses: tuple[str, ...]
    moves: bool = False
    users: set[str] = field(default_factory=set)
    written: Port | None = None


class Lines:
    """Every line there is, by the name of its port."""

    def __init__(self, northbound: Northbound, leases: Leases) -> None:
        self._northbound = northbound
        self._leases = leases
        self._lines: dict[str, Line] = {}

    def get(self, name: str) -> Line | None:
        """The line of a port."""
        return self._lines.get(name)

    def of(self, workload: Key) -> list[Line]:
        """The lines of a workload."""
        return [line for line in self._lines.values() if line.workload == workload]

    def macs(self, network: str) -> dict[str, str]:
        """Who holds which MAC on a network."""
        return {line.port.mac: line.holder for line in self._lines.values() if line.port.network == network}

    def join(self, line: Line, user: str) -> Line:
        """Have a pod use a line; the line that is there already, if it carries the same, else this one."""
        present = self._lines.get(line.port.name)
        if present is None:
            self._leases.use(line.pool, line.holder)
            present = self._lines[line.port.name] = line
        present.port, present.addresses = line.port, line.addresses
        present.users.add(user)
        return present

    async def write(self, line: Line, nodes: tuple[str, ...] | None = None) -> None:
        """Bring a line's port into the fabric, at these nodes; nothing to do if it is there just so."""
        if nodes is not None:
            line.port = replace(line.port, nodes=nodes)
        if line.written != line.port:
            await self._northbound.ensure_port(line.port)
            line.written = line.port

    async def leave(self, line: Line, users: set[str]) -> None:
        """Take pods off a line; with the last its port goes, and its addresses unless a claim keeps them."""
        line.users -= users
        if line.users:
            return
        await self._northbound.delete_port(line.port.name)
        self._lines.pop(line.port.name, None)
        await self._leases.leave(line.pool, line.holder)

    async def sweep(self) -> None:
        """Delete ports that no line stands for: leftovers of an earlier run."""
        for network in await self._northbound.networks():
            for port in await self._northbound.ports(network):
                if port.name not in self._lines:
                    await self._northbound.delete_port(port.name)
