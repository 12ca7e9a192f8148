"""Kubernetes' CEL functions about IP addresses and CIDRs.

An address travels through CEL as ``{"ip": text}`` and a network as ``{"cidr": text}``, in canonical form, so that
``==`` works.
Source: the IP and CIDR libraries in Kubernetes' documentation of CEL.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _address(value: Any) -> Address:
    text = value["ip"] if isinstance(value, dict) else value
    found = ipaddress.ip_address(text)
    if isinstance(found, ipaddress.IPv6Address) and (found.ipv4_mapped or found.scope_id):
        raise ValueError(f'IP Address "{text}" parse error: mapped addresses and zones are not allowed')
    return found


def _interface(value: Any) -> Interface:
    text = value["cidr"] if isinstance(value, dict) else value
    if "/" not in text or not text.rpartition("/")[2].isdigit():
        raise ValueError(f'network address parse error during conversion from string: invalid CIDR address "{text}"')
    _address(text.partition("/")[0])
    return ipaddress.ip_interface(text)


def _parses(parse: Callable[[Any], object]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        try:
            parse(value)
        except (ValueError, TypeError, KeyError):
            return False
        return True

    return check


def ip(value: Any) -> dict[str, str]:
    """``ip("10.0.0.1")``, and ``cidr(x).ip()``."""
    if isinstance(value, dict):
        return {"ip": str(_interface(value).ip)}
    return {"ip": str(_address(value))}


def cidr(value: str) -> dict[str, str]:
    """``cidr("10.0.0.0/8")``; host bits are kept."""
    return {"cidr": str(_interface(value))}


def masked(value: Any) -> dict[str, str]:
    """The network without its host bits."""
    return {"cidr": str(_interface(value).network)}


def prefix_length(value: Any) -> int:
    """Bits of the network's prefix."""
    return _interface(value).network.prefixlen


def contains_ip(network: Any, address: Any) -> bool:
    """Whether an address (or its text) lies in a network."""
    return _address(address) in _interface(network).network


def contains_cidr(network: Any, other: Any) -> bool:
    """Whether a network (or its text) lies in another."""
    outer, inner = _interface(network).network, _interface(other).network
    if isinstance(outer, ipaddress.IPv4Network):
        return isinstance(inner, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, ipaddress.IPv6Network) and inner.subnet_of(outer)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "isIP": _parses(_address),
    "isCIDR": _parses(_interface),
    "ip": ip,
    "cidr": cidr,
    "family": lambda value: _address(value).version,
    "ip.isCanonical": lambda value: str(_address(value)) == value,
    "isUnspecified": lambda value: _address(value).is_unspecified,
    "isLoopback": lambda value: _address(value).is_loopback,
    "isLinkLocalMulticast": lambda value: _address(value).is_multicast and _address(value).is_link_local,
    "isLinkLocalUnicast": lambda value: _address(value).is_link_local,
    "isGlobalUnicast": lambda value: (
        not (
            _address(value).is_multicast
            or _address(value).is_loopback
            or _address(value).is_unspecified
            or _address(value).is_link_local
        )
    ),
    "masked": masked,
    "prefixLength": prefix_length,
    "containsIP": contains_ip,
    "containsCIDR": contains_cidr,
}
