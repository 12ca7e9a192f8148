"""Network namespaces and the links in and between them. Nothing here touches the host's own namespace."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pyroute2 import IPRoute, netns

T = TypeVar("T")
NETNS = Path("/run/netns")

_SIOCETHTOOL = 0x8946
# ethtool's commands that switch receive and transmit checksums, scatter-gather, TSO, GSO and GRO.
_OFFLOADS = (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C)


def namespaces(prefix: str) -> list[str]:
    """Names of the namespaces that begin with ``prefix``."""
    return sorted(path.name for path in NETNS.glob(f"{prefix}-*")) if NETNS.is_dir() else []


def create_namespace(name: str) -> None:
    """Make a namespace with its loopback up; ``OSError`` if the name is taken."""
    netns.create(name)
    with IPRoute(netns=name) as ip:
        ip.link("set", index=1, state="up")


def remove_namespace(name: str) -> None:
    """Remove a namespace by name; its links go with it once no process is left in it."""
    netns.remove(name)


def inside(name: str, function: Callable[[], T]) -> T:
    """Call ``function`` in a thread of its own inside a namespace; sockets it makes belong there."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            netns.setns(name, flags=0)
            outcome.append(function())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def offloads_off(namespace: str, interface: str) -> None:
    """Let the sender's kernel finish its packets: OVS in user space takes them as they are, checksums included."""
    request = ctypes.create_string_buffer(8)

    def switch() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for command in _OFFLOADS:
                request[:] = struct.pack("II", command, 0)
                argument = struct.pack("16sP", interface.encode(), ctypes.addressof(request))
                fcntl.ioctl(control, _SIOCETHTOOL, argument)

    inside(namespace, switch)


def create_bridge(namespace: str, name: str) -> None:
    """A Linux bridge that forwards at once."""
    with IPRoute(netns=namespace) as ip:
        ip.link("add", ifname=name, kind="bridge", br_forward_delay=0, br_mcast_snooping=0)
        ip.link("set", index=_index(ip, name), state="up")


def create_cable(near: tuple[str, str], far: tuple[str, str], mac: str | None = None) -> None:
    """A veth pair between two (namespace, interface), both up, offloads off at both; ``mac`` is the far end's."""
    far_namespace = os.open(NETNS / far[0], os.O_RDONLY)
    try:
        with IPRoute(netns=near[0]) as ip:
            peer = {"ifname": far[1], "net_ns_fd": far_namespace, **({"address": mac} if mac else {})}
            ip.link("add", ifname=near[1], kind="veth", peer=peer)
    finally:
        os.close(far_namespace)
    for namespace, interface in (near, far):
        offloads_off(namespace, interface)
        with IPRoute(netns=namespace) as ip:
            ip.link("set", index=_index(ip, interface), state="up")


def attach(namespace: str, interface: str, bridge: str) -> None:
    """Make an interface a port of a bridge in the same namespace."""
    with IPRoute(netns=namespace) as ip:
        ip.link("set", index=_index(ip, interface), master=_index(ip, bridge))


def configure(
    namespace: str,
    interface: str,
    *addresses: str,
    gateway: str | None = None,
    mac: str | None = None,
    mtu: int | None = None,
) -> None:
    """Give an interface MAC, MTU and addresses (with prefix length), bring it up, and set the default route."""
    with IPRoute(netns=namespace) as ip:
        index = _index(ip, interface)
        if mac:
            ip.link("set", index=index, address=mac)
        if mtu:
            ip.link("set", index=index, mtu=mtu)
        for address in addresses:
            host, _, length = address.partition("/")
            ip.addr("replace", index=index, address=host, prefixlen=int(length))
        ip.link("set", index=index, state="up")
        if gateway:
            ip.route("replace", dst="default", gateway=gateway)


def route(namespace: str, destination: str, gateway: str) -> None:
    """A route by way of ``gateway``."""
    with IPRoute(netns=namespace) as ip:
        ip.route("replace", dst=destination, gateway=gateway)


def _index(ip: IPRoute, interface: str) -> int:
    found = ip.link_lookup(ifname=interface)
    if not found:
        raise LookupError(f"no interface {interface} in namespace {ip.status.get('netns')}")
    return int(found[0])
