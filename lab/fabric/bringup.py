"""Brings the fabric up: the physical network, the central databases, and each node's switch and controller.

Everything runs in namespaces of the lab over OVS's user-space datapath; no kernel module is needed.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from lab import netns
from lab.config import (
    CLUSTER_SUBNETS,
    GATEWAY_ROUTERS,
    GATEWAY_SUBNETS,
    MANAGEMENT_SUBNET,
    OUTSIDE_HOSTS,
    UNDERLAY_ROUTERS,
    UNDERLAY_SUBNETS,
    LabConfig,
    Node,
)
from lab.fabric import daemons, dns, links
from lab.fabric.model import DEFAULT_NETWORK, default_network, mac_of
from lab.fabric.names import MANAGEMENT_INTERFACE, management_port
from lab.fabric.node_switch import NodeSwitch
from lab.fabric.northbound import Northbound
from lab.faults.seams import Faults
from lab.processes import Processes, ProcessFailed

NEIGHBOUR_SECONDS = 3600
SOCKET_LIMIT = 10.0  # seconds
ADDRESS_LIMIT = 10.0  # seconds
_POLL_INTERVAL = 0.005  # seconds


class Fabric:
    """The fabric of one lab, its daemons owned by ``processes``."""

    def __init__(self, config: LabConfig, processes: Processes) -> None:
        self._config = config
        self._processes = processes
        self._central = config.northbound.parent
        self.central = asyncio.Event()
        """Set when the central databases answer."""

    async def up(self) -> None:
        """Bring all up; returns when every node has registered and the default network is in every switch.

        Raises ``ProcessFailed``, ``TimeoutError`` or ``OSError``.
        """
        self._central.mkdir(parents=True, exist_ok=True)
        await _finished(self._wire)
        template = await self._template()
        await asyncio.gather(self._start_central(), *(self._start_node(node, template) for node in self._config.nodes))
        await asyncio.to_thread(self.introduce_nodes)
        northbound = Northbound(self._config.northbound, Faults(self._config.state))
        try:
            await northbound.ensure_external()
            await northbound.ensure_layer3(default_network(self._config))
            await northbound.wait_chassis(tuple(node.name for node in self._config.nodes))
            await northbound.sync()
        finally:
            await northbound.close()

    async def resettle(self, node: Node) -> None:
        """Give a node whose switch was started again what it had: addresses, routes, its neighbours, its ways."""
        await _finished(partial(self._settle_node, node))
        await asyncio.to_thread(self.introduce_nodes)

    def introduce_nodes(self) -> None:
        """Tell each node's switch the MACs of the others' underlay addresses, for an hour.

        OVS drops the first packet to a tunnel's end that it does not know while it asks: a ping lost for no fault of
        the network. Call again within the hour.
        """
        for node in self._config.nodes:
            switch = self._switch(node)
            daemons.control(switch, "tnl/neigh/aging", str(NEIGHBOUR_SECONDS))
            for peer in self._config.nodes:
                if peer is not node:
                    underlay = [peer.address, mac_of(peer.address)]
                    daemons.control(switch, "tnl/neigh/set", daemons.PHYSICAL_BRIDGE, *underlay)

    def _route_tunnels(self, node: Node) -> None:
        """Tell a node's switch that its tunnels go by the underlay; raises ``OSError``.

        It takes its own end from the bridge's address, of which the kernel tells it a moment after it is set. Tunnels
        are of IPv4 alone.
        """
        deadline = time.monotonic() + ADDRESS_LIMIT
        while True:
            try:
                daemons.control(self._switch(node), "ovs/route/add", UNDERLAY_SUBNETS[0], daemons.PHYSICAL_BRIDGE)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_INTERVAL)
            else:
                return

    def _keep_flows_apart(self, node: Node) -> None:
        """Have a node's switch remember flows without wildcards, so that none overlap; raises ``OSError``.

        OVS 3.1.0 in user space looks up the remembered flow that it is to change by a packet of it. Where another's
        wildcards cover that packet it may take the other, and what is left as it was loses packets while any come.
        Upstream mended it in 3.1.3 (9c600710bfa5), Debian 12 has 3.1.0.
        """
        daemons.control(self._switch(node), "upcall/disable-megaflows")

    def _switch(self, node: Node) -> Path:
        return self._config.state / "nodes" / node.name / "ovs-vswitchd.ctl"

    def _wire(self) -> None:
        config = self._config
        net, out = config.netns("net"), config.netns("out")
        for name in (net, out, *(config.netns(node.name) for node in config.nodes)):
            netns.create(name)
        links.create_bridge(net, "underlay")
        links.create_bridge(net, "management")
        links.create_cable((net, "out"), (out, "eth0"), mac=mac_of(GATEWAY_ROUTERS[0]))
        links.attach(net, "out", "underlay")
        places = (
            *zip(UNDERLAY_ROUTERS, UNDERLAY_SUBNETS, strict=True),
            *zip(GATEWAY_ROUTERS, GATEWAY_SUBNETS, strict=True),
        )
        routers = [f"{router}/{ip_network(subnet).prefixlen}" for router, subnet in places]
        hosts = [f"{host}/{ip_address(host).max_prefixlen}" for host in OUTSIDE_HOSTS]
        links.configure(out, "eth0", *config.of_its_families(routers))
        # As the nodes know it, also to networks behind their gateways: datagrams are answered from where they went.
        links.speak_as(out, "eth0", GATEWAY_SUBNETS[0], UNDERLAY_ROUTERS[0])
        links.configure(out, "lo", *config.of_its_families(hosts))
        links.route_for_others(out)
        for number, node in enumerate(config.nodes):
            space = config.netns(node.name)
            for bridge, inner, far in (("underlay", f"phy{number}", "phy0"), ("management", f"mgmt{number}", "mgmt0")):
                links.create_cable((net, inner), (space, far))
                links.attach(net, inner, bridge)
            links.configure(space, "mgmt0", f"{node.management}/{ip_network(MANAGEMENT_SUBNET).prefixlen}")

    async def _template(self) -> Path:
        template = self._central / "node.db"
        await _run("ovsdb-tool", "create", str(template), str(daemons.OVS_SCHEMA))
        return template

    async def _start_central(self) -> None:
        directory = self._central
        for name, schema in (("nb", daemons.NORTHBOUND_SCHEMA), ("sb", daemons.SOUTHBOUND_SCHEMA)):
            await _run("ovsdb-tool", "create", str(directory / f"{name}.db"), str(schema))
            await self._daemon(f"ovsdb-{name}", daemons.database(directory, name), directory)
        for name in ("nb", "sb"):
            await listening(directory / f"{name}.sock")
        self.central.set()
        await self._daemon("ovn-northd", daemons.northd(directory), directory)
        out = self._config.netns("out")
        hosts = self._config.of_its_families(OUTSIDE_HOSTS)
        await self._processes.start("outside", [sys.executable, "-m", "lab.fabric.outside", *hosts], netns=out)
        await self._processes.start("outside-dns", dns.outside_server(), netns=out)

    async def _start_node(self, node: Node, template: Path) -> None:
        directory = self._config.state / "nodes" / node.name
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, directory / "db.db")
        await self._daemon(f"ovsdb-{node.name}", daemons.database(directory, "db"), directory, node.name)
        await listening(directory / "db.sock")
        settings = daemons.node_settings(node, self._config.southbound)
        database = f"--db=unix:{directory}/db.sock"
        await _run("ovs-vsctl", database, "--no-wait", "init", "--", *settings)
        await self._daemon(f"ovs-vswitchd-{node.name}", daemons.vswitchd(directory), directory, node.name)
        switch = NodeSwitch(self._config, node.name)
        await switch.plug_internal(MANAGEMENT_INTERFACE, management_port(DEFAULT_NETWORK, node.name))
        await switch.commit_without_nat()
        # Last: without the bridge's socket it would wait a second before it looks again.
        await self._daemon(f"ovn-controller-{node.name}", daemons.controller(directory), directory, node.name)
        await _finished(partial(self._settle_node, node))
        if node.control_plane:
            (self._config.state / dns.HOSTS).mkdir(parents=True, exist_ok=True)
            space, server = self._config.netns(node.name), dns.cluster_server(self._config.state, node.address)
            await self._processes.start("dns", server, netns=space)

    def _settle_node(self, node: Node) -> None:
        self._keep_flows_apart(node)
        space = self._config.netns(node.name)
        underlay = zip(node.addresses, UNDERLAY_SUBNETS, strict=False)
        own = [f"{address}/{ip_network(subnet).prefixlen}" for address, subnet in underlay]
        routers = self._config.of_its_families(UNDERLAY_ROUTERS)
        links.configure(space, daemons.PHYSICAL_BRIDGE, *own, gateways=routers)
        self._route_tunnels(node)
        default = default_network(self._config)
        inside = default.management_ips(node.name)
        links.configure(space, MANAGEMENT_INTERFACE, *inside, mac=mac_of(inside[0]), mtu=default.mtu)
        subnets = self._config.of_its_families(CLUSTER_SUBNETS)
        for subnet, gateway in zip(subnets, default.gateways(node.name), strict=True):
            links.route(space, subnet, str(ip_interface(gateway).ip))

    async def _daemon(self, name: str, argv: list[str], directory: Path, node: str | None = None) -> None:
        space = self._config.netns(node or "net")
        await self._processes.start(name, argv, netns=space, env=daemons.environment(directory))


async def _finished(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread, to its end even when cancelled: what it makes must be there to be removed."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        await thread
        raise


async def _run(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise ProcessFailed(f"{argv[0]} ended with status {process.returncode}: {errors.decode().strip()}")


async def listening(path: Path) -> None:
    """Return when a daemon listens at a unix socket; ``TimeoutError`` after ``SOCKET_LIMIT`` seconds."""
    try:
        async with asyncio.timeout(SOCKET_LIMIT):
            while not _accepts(path):  # noqa: ASYNC110 (a daemon tells nobody that it listens)
                await asyncio.sleep(_POLL_INTERVAL)
    except TimeoutError as error:
        raise TimeoutError(f"nothing listens at {path} after {SOCKET_LIMIT:g} s") from error


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True
