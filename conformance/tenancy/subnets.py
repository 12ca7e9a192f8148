"""Subnets for the networks of a run: scenarios that run side by side get different ones."""

from __future__ import annotations

import ipaddress
import itertools
from dataclasses import dataclass

DEFAULT_POOL = "10.200.0.0/13"
IPV6_POOL = "fd75:646e::/32"  # a unique local range, its global id made up (RFC 4193)
_SLICE_PREFIX = 17
_LEAST = 256
_IPV6_SUBNET = "fd75:646e:{worker:x}:{number:x}::/64"  # of IPV6_POOL


@dataclass(frozen=True)
class Subnet:
    """An IPv4 or IPv6 subnet; text addresses can be asked for with ``in``."""

    cidr: str

    @classmethod
    def around(cls, address: str, prefix_length: int) -> Subnet:
        """The subnet of that size that holds ``address``."""
        return cls(str(ipaddress.ip_network(f"{address}/{prefix_length}", strict=False)))

    def __str__(self) -> str:
        return self.cidr

    def __contains__(self, address: object) -> bool:
        return ipaddress.ip_address(str(address)) in ipaddress.ip_network(self.cidr)

    @property
    def prefix_length(self) -> int:
        """Length of the prefix, in bits."""
        return ipaddress.ip_network(self.cidr).prefixlen

    def address(self, index: int) -> str:
        """The address at ``index``; negative counts from the end (-1 is the broadcast address)."""
        return str(ipaddress.ip_network(self.cidr)[index])


class SubnetPool:
    """Cuts subnets out of a pool; each of the workers of a run has a slice of its own.

    Raises:
        ValueError: the pool is smaller than a slice for each worker.
    """

    def __init__(self, pool: str = DEFAULT_POOL, worker: int = 0) -> None:
        network = ipaddress.IPv4Network(pool)
        slices = list(network.subnets(new_prefix=max(_SLICE_PREFIX, network.prefixlen)))
        if worker >= len(slices):
            raise ValueError(
                f"subnet pool {pool} holds slices for {len(slices)} workers, not {worker + 1}: "
                f"give at most -n {len(slices)}"
            )
        self._slice = slices[worker]
        self._used = 0
        self._worker = worker
        self._ipv6 = itertools.count(1)

    def new(self, prefix_length: int = 24) -> Subnet:
        """A subnet that no other network of this run has.

        Raises:
            ValueError: the slice is used up.
        """
        size: int = 2 ** (32 - prefix_length)
        begin = -(-self._used // size) * size
        if begin + size > self._slice.num_addresses:
            raise ValueError(
                f"all subnets of {self._slice} are in use: too many networks for one worker; give a larger -n"
            )
        # Never less than a /24, so that addresses of two networks are told apart at a glance.
        self._used = begin + max(size, _LEAST)
        return Subnet(f"{self._slice[begin]}/{prefix_length}")

    def new_ipv6(self) -> Subnet:
        """An IPv6 subnet that no other network of this run has."""
        return Subnet(_IPV6_SUBNET.format(worker=self._worker, number=next(self._ipv6)))
