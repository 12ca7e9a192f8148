"""The northbound database as the lab's controllers see it: networks and ports, each ensured or deleted by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lab.fabric import balancers, filters, gateway, names, networks, ports
from lab.fabric.database import Database
from lab.fabric.model import Balancer, Entrance, Filter, Layer2, Layer3, Port
from lab.fabric.rows import Rows
from lab.faults.seams import Faults

T = TypeVar("T")
SOUTHBOUND_TABLES = ("Chassis", "Port_Binding", "Encap")
PORT_LIMIT = 20.0  # seconds
SYNC_LIMIT = 20.0  # seconds


class Northbound:
    """Programs OVN. Every method may be called again with the same arguments and then changes nothing.

    The southbound database is read only to wait for what the nodes report; its socket stands beside the
    northbound one. All raise ``DatabaseError`` when the database cannot be reached.
    """

    def __init__(self, socket_path: Path, faults: Faults) -> None:
        self._northbound = Database(socket_path, "OVN_Northbound")
        self._southbound = Database(socket_path.parent / "sb.sock", "OVN_Southbound", SOUTHBOUND_TABLES)
        self._faults = faults

    async def ensure_external(self) -> None:
        """The switch that stands for the physical network; needed before the first network with a way out."""
        await self._transact(gateway.ensure_external_switch, network="")

    async def ensure_layer2(self, network: Layer2) -> None:
        """A Layer2 network."""
        await self._transact(lambda rows: networks.ensure_layer2(rows, network), network=network.name)

    async def ensure_layer3(self, network: Layer3) -> None:
        """A Layer3 network."""
        await self._transact(lambda rows: networks.ensure_layer3(rows, network), network=network.name)

    async def delete_network(self, name: str) -> None:
        """No network of that name."""
        await self._transact(lambda rows: networks.delete_network(rows, name), network=name)

    async def ensure_port(self, port: Port) -> None:
        """A port; raises ``NoSuchNetwork`` if its network is not there."""
        await self._transact(lambda rows: ports.ensure_port(rows, port), network=port.network, port=port.name)

    async def delete_port(self, name: str) -> None:
        """No port of that name."""
        await self._transact(lambda rows: ports.delete_port(rows, name), network="", port=name)

    async def ensure_balancer(self, balancer: Balancer) -> None:
        """A load balancer on every switch that its network has now."""
        facts = {"network": balancer.network, "balancer": balancer.name}
        await self._transact(lambda rows: balancers.ensure_balancer(rows, balancer), **facts)

    async def ensure_entrance(self, entrance: Entrance) -> str | None:
        """A load balancer on the router of its network; the address to which others send, None without router."""
        facts = {"network": entrance.network, "balancer": entrance.name}
        return await self._transact(lambda rows: balancers.ensure_entrance(rows, entrance), **facts)

    async def delete_balancer(self, name: str) -> None:
        """No load balancer of that name."""
        await self._transact(lambda rows: balancers.delete_balancer(rows, name), network="", balancer=name)

    async def balancers(self) -> tuple[str, ...]:
        """Names of the load balancers there are."""

        def read(idl: Any) -> tuple[str, ...]:
            return tuple(sorted(row.name for row in idl.tables["Load_Balancer"].rows.values()))

        return await self._northbound.read(read)

    async def ensure_filter(self, filter: Filter) -> None:
        """A filter, at those of its ports that there are: again when others come."""
        await self._transact(
            lambda rows: filters.ensure_filter(rows, filter), network=filter.network, filter=filter.name
        )

    async def delete_filter(self, name: str) -> None:
        """No filter of that name."""
        await self._transact(lambda rows: filters.delete_filter(rows, name), network="", filter=name)

    async def filters(self) -> tuple[str, ...]:
        """Names of the filters there are."""

        def read(idl: Any) -> tuple[str, ...]:
            groups = idl.tables["Port_Group"].rows.values()
            return tuple(sorted({row.external_ids.get(filters.FILTER_KEY, "") for row in groups} - {""}))

        return await self._northbound.read(read)

    async def networks(self) -> tuple[str, ...]:
        """Names of the networks there are."""

        def read(idl: Any) -> tuple[str, ...]:
            switches = idl.tables["Logical_Switch"].rows.values()
            return tuple(sorted({row.external_ids.get(names.NETWORK_KEY, "") for row in switches} - {""}))

        return await self._northbound.read(read)

    async def ports(self, network: str) -> tuple[Port, ...]:
        """The workloads' ports of a network."""

        def read(idl: Any) -> tuple[Port, ...]:
            rows = idl.tables["Logical_Switch_Port"].rows.values()
            mine = [row for row in rows if names.PORT_KEY in row.external_ids]
            return tuple(ports.read_port(row) for row in mine if row.external_ids[names.NETWORK_KEY] == network)

        return await self._northbound.read(read)

    async def wait_port_up(self, name: str, node: str | None = None, limit: float = PORT_LIMIT) -> None:
        """Wait until a node (``node``, if given) has bound the port and its flows; ``TimeoutError`` else."""

        def up(row: Any) -> bool:
            if row.logical_port != name or row.up != [True] or not row.chassis:
                return False
            return node is None or row.chassis[0].name == node

        what = f"port {name} to be up" + (f" at {node}" if node else "")
        await self._southbound.until("Port_Binding", up, limit, what)

    async def wait_chassis(self, nodes: tuple[str, ...], limit: float = SYNC_LIMIT) -> None:
        """Wait until those nodes have registered; ``TimeoutError`` else."""
        for node in nodes:
            await self._southbound.until("Chassis", partial(_is_named, node), limit, f"node {node} to register")

    async def sync(self, limit: float = SYNC_LIMIT) -> None:
        """Wait until every node has done all that was written until now; ``TimeoutError`` else."""

        def ask(idl: Any, _: Any) -> int:
            row = next(iter(idl.tables["NB_Global"].rows.values()))
            row.nb_cfg = row.nb_cfg + 1
            return int(row.nb_cfg)

        number = await self._northbound.transact(ask)
        await self._northbound.until("NB_Global", lambda row: row.hv_cfg >= number, limit, "the nodes to follow")

    async def close(self) -> None:
        """Close the connections."""
        await self._northbound.close()
        await self._southbound.close()

    async def _transact(self, function: Callable[[Rows], T], **facts: Any) -> T:
        return await self._northbound.transact(lambda idl, txn: function(Rows(idl, txn, self._faults, **facts)))


def _is_named(name: str, row: Any) -> bool:
    return bool(row.name == name)
