"""Makes and removes a pod's sandbox: the namespace, a veth a network, and the ports of the node's switch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from lab import netns
from lab.fabric.links import at_once, offloads_off
from lab.fabric.node_switch import NodeSwitch
from lab.nodes import attachments
from lab.nodes.context import NodeContext
from lab.nodes.sandbox import Interface, Sandbox

Object = dict[str, Any]


class Wiring:
    """The sandboxes' networking on one node."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._switch = NodeSwitch(context.config, context.node.name)

    def namespace(self, pod_uid: str) -> str:
        """Name of a pod's namespace."""
        return f"{self._context.config.prefix}-p-{pod_uid[:8]}"

    async def make(self, pod: Object) -> Sandbox:
        """A sandbox whose every port OVN has installed on this node.

        Raises ``OSError`` (the kernel), ``SwitchError`` (the node's switch), ``ValueError`` (the annotation).
        """
        uid = pod["metadata"]["uid"]
        nics = attachments.with_host_sides(map(self._altered, attachments.interfaces(pod)), uid)
        name = self.namespace(uid)
        if netns.exists(name):
            await self.remove(name, nics)
        await asyncio.to_thread(netns.create, name)
        try:
            if nics:
                await netns.inside(name, _make_links, attachments.as_configured(pod, nics), self._context.netns)
                await asyncio.to_thread(_finish_host_sides, self._context.netns, name, nics)
                await asyncio.gather(*(self._plug(nic) for nic in nics))
        except BaseException:
            await self.remove(name, nics)
            raise
        return Sandbox(name, pod, nics)

    async def remove(self, name: str, nics: tuple[Interface, ...]) -> None:
        """Take a sandbox away, whatever is left of it."""
        await asyncio.gather(*(self._switch.unplug(nic.host_side) for nic in nics))
        if nics:
            # A process that lingers would keep the links, and with them the names on the node.
            await netns.inside(self._context.netns, _delete_links, nics)
        await asyncio.to_thread(netns.remove, name)

    async def _plug(self, nic: Interface) -> None:
        await self._switch.plug(nic.host_side, nic.iface_id)
        await self._switch.wait_installed(nic.host_side)

    def _altered(self, nic: Interface) -> Interface:
        facts = asdict(nic)
        altered = self._context.faults.alter("node.interface", facts, node=self._context.node.name)
        return replace(nic, **{key: value for key, value in altered.items() if value != facts[key]})


def _make_links(links: IPRoute, nics: tuple[Interface, ...], node: str) -> None:
    far = os.open(netns.FOLDER / node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for nic in nics:
            peer = {"ifname": nic.host_side, "net_ns_fd": far, "mtu": nic.mtu}
            links.link("add", ifname=nic.name, kind="veth", address=nic.mac, mtu=nic.mtu, peer=peer)
    finally:
        os.close(far)
    owner = attachments.default_route_owner(nics)
    for nic in nics:
        index = links.link_lookup(ifname=nic.name)[0]
        for address in map(ip_interface, nic.ips):
            host, length = str(address.ip), address.network.prefixlen
            links.addr("add", index=index, address=host, prefixlen=length, **at_once(host))
        links.link("set", index=index, state="up")
        for route in nic.routes:
            links.route("replace", dst=route.destination, gateway=route.next_hop, oif=index)
        for gateway in nic.gateways if nic.name == owner else ():
            links.route("replace", dst="::/0" if ":" in gateway else "0.0.0.0/0", gateway=gateway, oif=index)


def _finish_host_sides(node: str, pod: str, nics: tuple[Interface, ...]) -> None:
    with netns.entered(node), IPRoute() as links:
        for nic in nics:
            # The switch's side has no business of its own on the network: no address, no solicitation.
            with _absent_is_fine():
                Path(f"/proc/sys/net/ipv6/conf/{nic.host_side}/disable_ipv6").write_text("1")
            links.link("set", index=links.link_lookup(ifname=nic.host_side)[0], state="up")
    for nic in nics:
        offloads_off(node, nic.host_side)
        offloads_off(pod, nic.name)


def _delete_links(links: IPRoute, nics: tuple[Interface, ...]) -> None:
    for nic in nics:
        for index in links.link_lookup(ifname=nic.host_side):
            links.link("del", index=index)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return
