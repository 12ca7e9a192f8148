"""The output of ``ip address``, ``ip route`` and ``ip neigh``: busybox's and iproute2's."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from itertools import pairwise

_LINK = re.compile(r"^\d+: (?P<name>[^:@\s]+)(?:@\S+)?: <(?P<flags>[^>]*)>.*?\bmtu (?P<mtu>\d+)")
_MAC = re.compile(r"^\s+link/(?P<kind>\S+) (?P<mac>[0-9a-f:]{17})\b")
_ADDRESS = re.compile(r"^\s+inet6? (?P<cidr>[0-9a-fA-F.:]+/\d+) .*?\bscope (?P<scope>\S+)")
_NEIGHBOUR = re.compile(r"^(?P<ip>\S+) dev (?P<nic>\S+)(?:.*?\blladdr (?P<mac>[0-9a-f:]{17}))?")


@dataclass(frozen=True)
class Nic:
    """One network interface as the guest sees it; ``cidrs`` are its addresses with prefix length, of any scope."""

    name: str
    mac: str
    mtu: int
    up: bool
    cidrs: tuple[str, ...] = ()

    @property
    def addresses(self) -> list[str]:
        """The addresses that reach beyond the link, without their prefix lengths."""
        plain = [cidr.partition("/")[0] for cidr in self.cidrs]
        return [address for address in plain if not ipaddress.ip_address(address).is_link_local]


@dataclass(frozen=True)
class Route:
    """One route; ``destination`` is a CIDR or ``default``."""

    destination: str
    gateway: str | None
    nic: str | None


@dataclass(frozen=True)
class Neighbour:
    """One entry of the neighbour table; no MAC while it is unresolved."""

    address: str
    nic: str
    mac: str | None


def parse_addresses(text: str) -> list[Nic]:
    """The interfaces of ``ip address``, without the loopback."""
    nics: list[Nic] = []
    loopback = False
    for line in text.splitlines():
        if head := _LINK.match(line):
            flags = head["flags"].split(",")
            loopback = "LOOPBACK" in flags
            if not loopback:
                nics.append(Nic(head["name"], "", int(head["mtu"]), "UP" in flags))
        elif loopback or not nics:
            continue
        elif link := _MAC.match(line):
            nics[-1] = Nic(nics[-1].name, link["mac"], nics[-1].mtu, nics[-1].up, nics[-1].cidrs)
        elif address := _ADDRESS.match(line):
            last = nics[-1]
            nics[-1] = Nic(last.name, last.mac, last.mtu, last.up, (*last.cidrs, address["cidr"]))
    return nics


def parse_routes(text: str) -> list[Route]:
    """The routes of ``ip route`` or ``ip -6 route``."""
    routes = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] in ("multicast", "unreachable", "prohibit", "blackhole"):
            continue
        facts = dict(pairwise(words[1:]))
        routes.append(Route(words[0], facts.get("via"), facts.get("dev")))
    return routes


def parse_neighbours(text: str) -> list[Neighbour]:
    """The entries of ``ip neigh``."""
    matches = (_NEIGHBOUR.match(line) for line in text.splitlines())
    return [Neighbour(match["ip"], match["nic"], match["mac"]) for match in matches if match]
