"""Joins a pod's NIC to a guest's: a bridge with the NIC and a tap device as its two ports, in the pod's namespace.

As KubeVirt does it for the bridge binding and for plugins of type ``managedTap``: the NIC gives its address and its
MAC up to the guest. The bridge learns nothing and takes part in nothing; it only hands frames from port to port.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pyroute2 import IPRoute

from lab import netns

_NAME_LIMIT = 15  # characters in the name of a link


@dataclass(frozen=True)
class Cable:
    """What joins one NIC of a pod to one of its guest."""

    interface: str
    """The pod's NIC."""
    mtu: int

    @property
    def tap(self) -> str:
        """Name of the tap device that QEMU opens."""
        return self._derived("tap")

    @property
    def bridge(self) -> str:
        """Name of the bridge."""
        return self._derived("k6t")

    def _derived(self, prefix: str) -> str:
        name = f"{prefix}-{self.interface}"
        if len(name) <= _NAME_LIMIT:
            return name
        return prefix + hashlib.sha256(self.interface.encode()).hexdigest()[: _NAME_LIMIT - len(prefix)]


async def lay(namespace: str, cables: Sequence[Cable]) -> None:
    """Make the bridges and taps. ``LookupError`` if the pod lacks a NIC, netlink's ``OSError`` as it comes."""
    if cables:
        await netns.inside(namespace, _lay, cables)


async def filter_frames(namespace: str, rules: str) -> None:
    """Have nftables judge what passes the bridges, until the namespace goes; ``OSError`` if it does not take them."""
    process = await asyncio.create_subprocess_exec(
        *netns.command(namespace, ["nft", "-f", "-"]), stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate(rules.encode())
    if process.returncode:
        raise OSError(f"nft in {namespace}: {' '.join(errors.decode().split())}")


def _lay(links: IPRoute, cables: Sequence[Cable]) -> None:
    for cable in cables:
        found = links.link_lookup(ifname=cable.interface)
        if not found:
            raise LookupError(f"the pod has no interface {cable.interface}")
        port = found[0]
        links.flush_addr(index=port)
        # A port with the guest's MAC would keep the guest's frames for itself.
        links.link("set", index=port, address=_mac_of(cable.interface))
        settings = {"br_forward_delay": 0, "br_ageing_time": 0, "br_mcast_snooping": 0}
        links.link("add", ifname=cable.bridge, kind="bridge", mtu=cable.mtu, **settings)
        links.link("add", ifname=cable.tap, kind="tuntap", mode="tap")
        bridge, tap = (links.link_lookup(ifname=name)[0] for name in (cable.bridge, cable.tap))
        for name in (cable.interface, cable.bridge, cable.tap):
            _no_ipv6(name)
        for index in (port, tap):
            links.link("set", index=index, master=bridge)
        for index in (tap, bridge, port):
            links.link("set", index=index, mtu=cable.mtu, state="up")


def _no_ipv6(interface: str) -> None:
    # Nothing here may speak for itself. /proc/sys/net is that of the thread's namespace; absent without IPv6.
    with suppress(FileNotFoundError):
        Path(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6").write_text("1")


def _mac_of(interface: str) -> str:
    digest = hashlib.sha256(interface.encode()).digest()
    return "02:" + ":".join(f"{byte:02x}" for byte in digest[:5])
