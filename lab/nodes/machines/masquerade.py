"""Puts a guest behind its pod's NIC: a network of its own in the pod's namespace, and NAT to the pod's address.

As KubeVirt does it for the masquerade binding (``pkg/network/setup/netpod/masquerade``, ``pkg/network/dhcp``): a bridge
with the gateway's addresses and the guest's tap, rules of nftables between the pod's NIC and the bridge, and a DHCP
server for the one guest. The bridge has the same MAC in every pod, so that a guest which moves still knows its gateway.
IPv6 is the guest's own to configure: no router advertises itself, nothing gives it the address.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path

from pyroute2 import IPRoute

from lab import netns
from lab.config import CLUSTER_DNS
from lab.fabric.links import at_once
from lab.nodes.machines.plumbing import Cable

DEFAULT_RANGE = "10.0.2.0/24"
DEFAULT_RANGE_IPV6 = "fd10:0:2::/120"
RESERVED_PORTS = (49152, 49153)
"""libvirt's own, for migrations; documented as never reaching the guest."""
_BRIDGE_MAC = "02:00:00:00:00:00"
_LEASE = 86_313_600  # seconds: for good, as far as a guest can tell
_FORWARDED = ("tcp", "udp", "sctp")


@dataclass(frozen=True)
class Port:
    """A port of the guest that its VMI declares; ``protocol`` in small letters."""

    protocol: str
    number: int


@dataclass(frozen=True)
class Masquerade:
    """One guest's NIC behind one of its pod."""

    cable: Cable
    mac: str
    hostname: str
    ports: tuple[Port, ...] = ()
    """Those that others may reach; none declared means all."""
    range: str = DEFAULT_RANGE
    range_ipv6: str | None = None
    """None: the pod has no IPv6 address."""

    @property
    def gateway(self) -> IPv4Interface:
        """The bridge's address."""
        return self._address(1)

    @property
    def guest(self) -> IPv4Interface:
        """The guest's address."""
        return self._address(2)

    @property
    def gateway_ipv6(self) -> IPv6Interface | None:
        """The bridge's IPv6 address."""
        return self._address_ipv6(1)

    @property
    def guest_ipv6(self) -> IPv6Interface | None:
        """The IPv6 address at which the guest is expected."""
        return self._address_ipv6(2)

    def _address_ipv6(self, number: int) -> IPv6Interface | None:
        if self.range_ipv6 is None:
            return None
        network = IPv6Network(self.range_ipv6)
        return IPv6Interface((network[number], network.prefixlen))

    def _address(self, number: int) -> IPv4Interface:
        network = IPv4Network(self.range)
        return IPv4Interface((network[number], network.prefixlen))


def rules(masquerade: Masquerade) -> str:
    """The nftables rules of a guest's NIC.

    What comes in at the pod's NIC goes to the guest, by declared ports only if there are any; what the guest sends
    leaves with the pod's address; and what the pod sends to its own 127.0.0.1 (a port-forward of the kubelet's) goes to
    the guest as if the gateway had sent it.
    """
    cable, guest, gateway = masquerade.cable, masquerade.guest.ip, masquerade.gateway.ip
    ipv6 = "" if masquerade.guest_ipv6 is None else _rules_ipv6(cable, masquerade.guest_ipv6.ip, masquerade.ports)
    reserved = _reserved()
    selected = list(_selections(masquerade.ports))
    inbound = "\n".join(f"{selection} dnat to {guest}" for selection in selected)
    looped = "\n".join(f"ip daddr 127.0.0.1 {selection} dnat to {guest}" for selection in selected)
    return f"""
table ip nat {{
  chain inbound {{
    {reserved} drop
    {inbound}
  }}
  chain prerouting {{
    type nat hook prerouting priority -100;
    iifname "{cable.interface}" jump inbound
  }}
  chain output {{
    type nat hook output priority -100;
    {reserved} return
    {looped}
  }}
  chain postrouting {{
    type nat hook postrouting priority 100;
    ip saddr {guest} masquerade
    oifname "{cable.bridge}" ip saddr 127.0.0.1 snat to {gateway}
  }}
}}
{ipv6}"""


def _rules_ipv6(cable: Cable, guest: IPv6Address, ports: tuple[Port, ...]) -> str:
    inbound = "\n".join(f"{selection} dnat to {guest}" for selection in _selections(ports))
    return f"""
table ip6 nat {{
  chain inbound {{
    {_reserved()} drop
    {inbound}
  }}
  chain prerouting {{
    type nat hook prerouting priority -100;
    iifname "{cable.interface}" jump inbound
  }}
  chain postrouting {{
    type nat hook postrouting priority 100;
    ip6 saddr {guest} masquerade
  }}
}}
"""


def _reserved() -> str:
    return f"meta l4proto {{ tcp, udp }} th dport {{ {', '.join(map(str, RESERVED_PORTS))} }}"


def _selections(ports: tuple[Port, ...]) -> Iterator[str]:
    if not ports:
        yield ""
    for protocol in _FORWARDED:
        if numbers := [str(port.number) for port in ports if port.protocol == protocol]:
            yield f"{protocol} dport {{ {', '.join(numbers)} }}"


async def lay(namespace: str, masquerade: Masquerade) -> None:
    """Make the bridge and the tap. ``LookupError`` if the pod lacks the NIC, netlink's ``OSError`` as it comes."""
    await netns.inside(namespace, _lay, masquerade)


def _lay(links: IPRoute, masquerade: Masquerade) -> None:
    cable, gateway = masquerade.cable, masquerade.gateway
    if not links.link_lookup(ifname=cable.interface):
        raise LookupError(f"the pod has no interface {cable.interface}")
    links.link("add", ifname=cable.bridge, kind="bridge", address=_BRIDGE_MAC, mtu=cable.mtu, br_forward_delay=0)
    links.link("add", ifname=cable.tap, kind="tuntap", mode="tap")
    bridge, tap = (links.link_lookup(ifname=name)[0] for name in (cable.bridge, cable.tap))
    links.link("set", index=tap, master=bridge)
    for index in (tap, bridge):
        links.link("set", index=index, mtu=cable.mtu, state="up")
    links.addr("add", index=bridge, address=str(gateway.ip), prefixlen=gateway.network.prefixlen)
    settings = Path("/proc/sys/net/ipv4")  # that of the thread's namespace
    (settings / "ip_forward").write_text("1")
    # What was sent to 127.0.0.1 may leave by the bridge, and its answers come back from there.
    (settings / "conf" / cable.bridge / "route_localnet").write_text("1")
    if (gateway6 := masquerade.gateway_ipv6) is not None:
        length = gateway6.network.prefixlen
        links.addr("add", index=bridge, address=str(gateway6.ip), prefixlen=length, **at_once(str(gateway6.ip)))
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")


async def serve_dhcp(namespace: str, folder: Path, masquerade: Masquerade) -> asyncio.subprocess.Process:
    """A DHCP server for the guest; the caller ends it. ``OSError`` if busybox is missing."""
    settings = folder / f"dhcp-{masquerade.cable.interface}.conf"
    settings.write_text(_leases(masquerade))
    busybox = shutil.which("busybox")
    if busybox is None:
        raise FileNotFoundError("busybox is not installed; apt install busybox-static")
    return await asyncio.create_subprocess_exec(
        *["setpriv", "--pdeathsig", "KILL", "--"],
        *netns.command(namespace, [busybox, "udhcpd", "-f", str(settings)]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


def _leases(masquerade: Masquerade) -> str:
    guest, gateway = masquerade.guest, masquerade.gateway
    lines = [
        *(f"start {guest.ip}", f"end {guest.ip}", f"interface {masquerade.cable.bridge}"),
        *("lease_file /dev/null", "pidfile /dev/null", f"static_lease {masquerade.mac} {guest.ip}"),
        *(f"option subnet {guest.netmask}", f"option router {gateway.ip}", f"option dns {CLUSTER_DNS}"),
        *(f"option mtu {masquerade.cable.mtu}", f"option hostname {masquerade.hostname}", f"option lease {_LEASE}"),
    ]
    return "".join(f"{line}\n" for line in lines)
