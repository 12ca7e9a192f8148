"""NAT between a pod's NIC and a guest behind it: real packets through the rules, no guest needed."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest

from lab import netns
from lab.config import Families
from lab.fabric import links
from lab.nodes.machines import masquerade, plumbing
from lab.nodes.machines.masquerade import Masquerade, Port
from lab.nodes.machines.plumbing import Cable

PREFIX = f"mq{os.getpid():x}"
PEER, POD, GUEST = f"{PREFIX}-peer", f"{PREFIX}-pod", f"{PREFIX}-guest"
PEER_ADDRESS, POD_ADDRESS = "10.9.0.1", "10.9.0.2"
PEER_IPV6, POD_IPV6 = "fd00:9::1", "fd00:9::2"
PATIENCE = 20.0  # seconds: for a machine that has much else to do
CABLE = Cable("eth0", 1400)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@asynccontextmanager
async def laid(ports: tuple[Port, ...] = ()) -> AsyncIterator[None]:
    """A peer, a pod, and a namespace that stands for the guest, at the pod's bridge."""
    async with placed(Masquerade(CABLE, "0a:58:0a:09:00:02", "vm", ports)):
        yield


@asynccontextmanager
async def placed(behind: Masquerade) -> AsyncIterator[None]:
    """The three, and the guest behind its pod's NIC."""
    try:
        for name in (PEER, POD, GUEST):
            await asyncio.to_thread(netns.create, name)
        await netns.inside(PEER, _veth, "nic", f"{PEER_ADDRESS}/24", POD, "eth0")
        await netns.inside(POD, _configure, "eth0", f"{POD_ADDRESS}/24")
        await masquerade.lay(POD, behind)
        await plumbing.filter_frames(POD, masquerade.rules(behind))
        await netns.inside(GUEST, _veth, "nic", str(behind.guest), POD, "port")
        await netns.inside(POD, _plug)
        await netns.inside(GUEST, lambda ip: ip.route("add", dst="default", gateway=str(behind.gateway.ip)))
        yield
    finally:
        for name in (PEER, POD, GUEST):
            await asyncio.to_thread(netns.remove, name)


@asynccontextmanager
async def laid_with_ipv6(ports: tuple[Port, ...] = ()) -> AsyncIterator[Masquerade]:
    """The same, with IPv6 beside IPv4."""
    behind = Masquerade(CABLE, "0a:58:0a:09:00:02", "vm", ports, range_ipv6=masquerade.DEFAULT_RANGE_IPV6)
    async with placed(behind):
        await asyncio.to_thread(links.configure, PEER, "nic", f"{PEER_IPV6}/64")
        await asyncio.to_thread(links.configure, POD, "eth0", f"{POD_IPV6}/64")
        gateway = str(behind.gateway_ipv6.ip)
        await asyncio.to_thread(links.configure, GUEST, "nic", str(behind.guest_ipv6), gateways=[gateway])
        yield behind


def _veth(ip, name, address, far_namespace, far_name) -> None:
    with (netns.FOLDER / far_namespace).open() as far:
        ip.link("add", ifname=name, kind="veth", peer={"ifname": far_name, "net_ns_fd": far.fileno()})
    _configure(ip, name, address)


def _configure(ip, name, address) -> None:
    index = ip.link_lookup(ifname=name)[0]
    host, _, length = address.partition("/")
    ip.addr("add", index=index, address=host, prefixlen=int(length))
    ip.link("set", index=index, state="up")


def _plug(ip) -> None:
    port, bridge = ip.link_lookup(ifname="port")[0], ip.link_lookup(ifname=CABLE.bridge)[0]
    ip.link("set", index=port, master=bridge, state="up")


async def listen(namespace: str, port: int, host: str = "0.0.0.0") -> socket.socket:
    listener = await netns.open_socket(namespace, socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.bind((host, port))
    listener.listen()
    return listener


async def seen(listener: socket.socket, namespace: str, host: str, port: int) -> str:
    """By which address the listener sees a connection from the namespace."""
    connecting = asyncio.create_task(netns.connect(namespace, host, port))
    connection, (source, *_) = await asyncio.get_running_loop().sock_accept(listener)
    connection.close()
    _, writer = await connecting
    writer.close()
    return source


async def reaches(namespace: str, host: str, port: int, patience: float = 1.0) -> bool:
    try:
        async with asyncio.timeout(patience):
            _, writer = await netns.connect(namespace, host, port)
    except OSError:
        return False
    writer.close()
    return True


def test_guest_is_seen_outside_with_its_pods_address() -> None:
    async def check() -> None:
        async with laid():
            with closing(await listen(PEER, 80)) as listener:
                assert await seen(listener, GUEST, PEER_ADDRESS, 80) == POD_ADDRESS

    asyncio.run(check())


def test_all_ports_but_the_reserved_ones_lead_to_the_guest() -> None:
    async def check() -> None:
        async with laid():
            for port in (80, *masquerade.RESERVED_PORTS):
                with closing(await listen(GUEST, port)):
                    patience = PATIENCE if port == 80 else 1.0
                    assert await reaches(PEER, POD_ADDRESS, port, patience) is (port == 80)

    asyncio.run(check())


def test_declared_ports_alone_lead_to_the_guest() -> None:
    async def check() -> None:
        async with laid((Port("tcp", 80),)):
            with closing(await listen(GUEST, 80)), closing(await listen(GUEST, 81)):
                assert await reaches(PEER, POD_ADDRESS, 80, PATIENCE)
                assert not await reaches(PEER, POD_ADDRESS, 81)

    asyncio.run(check())


def test_what_is_sent_to_the_pods_own_loopback_arrives_as_from_the_gateway() -> None:
    async def check() -> None:
        async with laid():
            with closing(await listen(GUEST, 22)) as listener:
                assert await seen(listener, POD, "127.0.0.1", 22) == "10.0.2.1"

    asyncio.run(check())


@pytest.mark.skipif(Families.of_this_kernel() is Families.IPV4, reason="this kernel has no IPv6")
def test_the_guests_ipv6_address_is_hidden_behind_its_pods() -> None:
    async def check() -> None:
        async with laid_with_ipv6((Port("tcp", 80),)):
            with closing(await listen(GUEST, 80, "::")), closing(await listen(GUEST, 81, "::")):
                assert await reaches(PEER, POD_IPV6, 80, PATIENCE)
                assert not await reaches(PEER, POD_IPV6, 81)
            with closing(await listen(PEER, 80, "::")) as listener:
                assert await seen(listener, GUEST, PEER_IPV6, 80) == POD_IPV6

    asyncio.run(check())
