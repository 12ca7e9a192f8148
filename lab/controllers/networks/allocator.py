"""Addresses of one network (or of one node's part of it): who holds which, and the next that is free.

An owner is any string; it holds one address a subnet. Allocation is sequential: the lowest free address is next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_interface, ip_network

from lab.controllers.networks.definition import IPNetwork

IPAddress = IPv4Address | IPv6Address

EXHAUSTED = "subnet address pool exhausted"
TAKEN = "provided IP is already allocated"
WRONG_FAMILIES = "requested IPs family types must match network's IP family configuration"


class AllocationError(Exception):
    """No address can be given; the message is OVN-Kubernetes', ``reason`` that of an IPAMClaim's condition."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Pool:
    """The addresses of one to two subnets, of different families.

    The first two of each subnet (gateway and management) are never given away, nor IPv4's network and broadcast
    addresses, nor what is in ``reserved`` (CIDRs or single addresses).
    """

    def __init__(self, subnets: Sequence[str], reserved: Iterable[str] = ()) -> None:
        self.subnets = tuple(subnets)
        self._networks = [ip_network(subnet, strict=False) for subnet in subnets]
        self._reserved = [ip_network(text, strict=False) for text in reserved]
        self._holders: dict[IPAddress, str] = {}
        self._held: dict[str, tuple[str, ...]] = {}

    def held(self, owner: str) -> tuple[str, ...]:
        """What an owner holds, with prefix lengths; empty if nothing."""
        return self._held.get(owner, ())

    def take(self, owner: str, avoid: Iterable[str] = ()) -> tuple[str, ...]:
        """One address a subnet, with prefix length: what the owner holds already, else the first free ones.

        ``avoid`` names addresses that are to be passed over. :class:`AllocationError` when a subnet is used up.
        """
        if owner in self._held:
            return self._held[owner]
        avoided = {ip_interface(address).ip for address in avoid}
        found = [self._free(network, avoided) for network in self._networks]
        return self._give(owner, found)

    def hold(self, owner: str, addresses: Sequence[str]) -> tuple[str, ...]:
        """Exactly these addresses; :class:`AllocationError` if another holds one or they do not fit the network."""
        asked = [ip_interface(address).ip for address in addresses]
        if sorted(ip.version for ip in asked) != sorted(network.version for network in self._networks):
            raise AllocationError(WRONG_FAMILIES, "IPAddressConflict")
        if any(self._holders.get(ip, owner) != owner for ip in asked):
            raise AllocationError(TAKEN, "IPAddressConflict")
        ordered = [next(ip for ip in asked if ip.version == network.version) for network in self._networks]
        for ip, network in zip(ordered, self._networks, strict=True):
            if ip not in network:
                raise AllocationError(f"provided IP {ip} is not in subnet {network}", "IPAddressConflict")
        self.release(owner)
        return self._give(owner, ordered)

    def release(self, owner: str) -> bool:
        """Take back what an owner holds; whether that was anything."""
        addresses = self._held.pop(owner, ())
        for address in addresses:
            self._holders.pop(ip_interface(address).ip, None)
        return bool(addresses)

    def holder(self, addresses: Sequence[str]) -> str | None:
        """Who holds the first of these addresses."""
        return self._holders.get(ip_interface(addresses[0]).ip) if addresses else None

    def _give(self, owner: str, addresses: Sequence[IPAddress]) -> tuple[str, ...]:
        for address in addresses:
            self._holders[address] = owner
        pairs = zip(addresses, self._networks, strict=True)
        self._held[owner] = tuple(f"{address}/{network.prefixlen}" for address, network in pairs)
        return self._held[owner]

    def _free(self, network: IPNetwork, avoided: set[IPAddress]) -> IPAddress:
        last = int(network.broadcast_address) - (1 if network.version == 4 else 0)
        # Bounded: among the first so many, one must be neither held nor avoided, unless the subnet ends before.
        index = 3
        while int(network.network_address) + index <= last:
            address = network[index]
            block = next((r for r in self._reserved if r.version == network.version and address in r), None)
            if block is not None:
                index = int(block.broadcast_address) - int(network.network_address) + 1
                continue
            if address not in self._holders and address not in avoided:
                return address
            index += 1
        raise AllocationError(EXHAUSTED, "SubnetExhausted")


def mac_of(addresses: Sequence[str]) -> str:
    """The MAC that OVN-Kubernetes derives from a pod's first address (an IPv4 one, if there is one)."""
    ips = [ip_interface(address).ip for address in addresses]
    first = next((ip for ip in ips if ip.version == 4), ips[0])
    octets = first.packed if first.version == 4 else hashlib.sha256(str(first).encode()).digest()[:4]
    return "0a:58:" + ":".join(f"{octet:02x}" for octet in octets)
