"""Links in and between the lab's namespaces. Nothing here touches the host's own namespace.

Call these from worker threads: they enter namespaces and come back.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pyroute2 import IPRoute

from lab import netns

_SIOCETHTOOL = 0x8946
_NO_DUPLICATE_DETECTION = 0x02  # IFA_F_NODAD
# ethtool's commands that switch receive and transmit checksums, scatter-gather, TSO, GSO and GRO.
_OFFLOADS = (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C)


def offloads_off(namespace: str, interface: str) -> None:
    """Let the sender's kernel finish its packets: OVS in user space takes them as they are, checksums included."""
    request = (ctypes.c_uint32 * 2)()
    with netns.entered(namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _OFFLOADS:
            request[0] = command
            argument = struct.pack("16sP", interface.encode(), ctypes.addressof(request))
            fcntl.ioctl(control, _SIOCETHTOOL, argument)


def create_bridge(namespace: str, name: str) -> None:
    """A Linux bridge that forwards at once."""
    with netns.entered(namespace), IPRoute() as ip:
        ip.link("add", ifname=name, kind="bridge", br_forward_delay=0, br_mcast_snooping=0)
        ip.link("set", index=_index(ip, name), state="up")


def create_cable(near: tuple[str, str], far: tuple[str, str], mac: str | None = None) -> None:
    """A veth pair between two (namespace, interface), both up, offloads off at both; ``mac`` is the far end's."""
    far_namespace = os.open(netns.FOLDER / far[0], os.O_RDONLY)
    try:
        with netns.entered(near[0]), IPRoute() as ip:
            peer = {"ifname": far[1], "net_ns_fd": far_namespace, **({"address": mac} if mac else {})}
            ip.link("add", ifname=near[1], kind="veth", peer=peer)
    finally:
        os.close(far_namespace)
    for namespace, interface in (near, far):
        offloads_off(namespace, interface)
        with netns.entered(namespace), IPRoute() as ip:
            ip.link("set", index=_index(ip, interface), state="up")


def attach(namespace: str, interface: str, bridge: str) -> None:
    """Make an interface a port of a bridge in the same namespace."""
    with netns.entered(namespace), IPRoute() as ip:
        ip.link("set", index=_index(ip, interface), master=_index(ip, bridge))


def configure(
    namespace: str,
    interface: str,
    *addresses: str,
    gateways: Sequence[str] = (),
    mac: str | None = None,
    mtu: int | None = None,
) -> None:
    """Give an interface MAC, MTU and addresses (with prefix length), bring it up, and set the default routes."""
    with netns.entered(namespace), IPRoute() as ip:
        index = _index(ip, interface)
        if mac:
            ip.link("set", index=index, address=mac)
        if mtu:
            ip.link("set", index=index, mtu=mtu)
        for address in addresses:
            host, _, length = address.partition("/")
            ip.addr("replace", index=index, address=host, prefixlen=int(length), **at_once(host))
        ip.link("set", index=index, state="up")
        for gateway in gateways:
            ip.route("replace", dst=f"{'::' if ':' in gateway else '0.0.0.0'}/0", gateway=gateway)


def at_once(address: str) -> dict[str, int]:
    """What lets an address be used without a look for a duplicate first: the lab gives each but once."""
    return {"flags": _NO_DUPLICATE_DETECTION} if ":" in address else {}


def route(namespace: str, destination: str, gateway: str) -> None:
    """A route by way of ``gateway``."""
    with netns.entered(namespace), IPRoute() as ip:
        ip.route("replace", dst=destination, gateway=gateway)


def speak_as(namespace: str, interface: str, destination: str, address: str) -> None:
    """Have what the namespace says to its neighbours of a network come from one of its addresses in another."""
    with netns.entered(namespace), IPRoute() as ip:
        ip.route("replace", dst=destination, oif=_index(ip, interface), prefsrc=address, scope="link", proto="kernel")


def route_for_others(namespace: str) -> None:
    """Have the namespace forward packets, tell nobody of a shorter way, and everybody where there is none."""
    with netns.entered(namespace):
        for name, value in (
            ("ip_forward", "1"),
            ("conf/all/send_redirects", "0"),
            ("conf/default/send_redirects", "0"),
            # Who asks for an unknown network is told so each time: otherwise how long one waits for that, seconds or
            # nothing, would hang on who asked before.
            ("icmp_ratelimit", "0"),
        ):
            Path("/proc/sys/net/ipv4", name).write_text(value)
        with suppress(FileNotFoundError):  # a kernel without IPv6
            Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")


def _index(ip: IPRoute, interface: str) -> int:
    found = ip.link_lookup(ifname=interface)
    if not found:
        raise LookupError(f"no interface {interface} in this namespace")
    return int(found[0])
