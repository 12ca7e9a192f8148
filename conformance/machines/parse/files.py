"""Files of a guest: ``/etc/resolv.conf``, ``/proc/net/snmp`` and ``snmp6``, ``/proc/net/tcp``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

ESTABLISHED = "01"
SYN_RECEIVED = "03"
LISTENING = "0A"
_COUNTER_OF_IPV6 = re.compile(r"^(?P<protocol>[A-Za-z]+6)(?P<name>\w+)\s+(?P<value>\d+)\s*$")


def parse_resolvers(text: str) -> list[str]:
    """The name servers of a resolv.conf, in order."""
    words = (line.split() for line in text.splitlines())
    return [entry[1] for entry in words if len(entry) > 1 and entry[0] == "nameserver"]


def parse_counters(text: str) -> dict[str, int]:
    """The counters of /proc/net/snmp and /proc/net/snmp6, as ``Protocol.Counter``; IPv6's: ``Icmp6.…``."""
    counters: dict[str, int] = {}
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        if single := _COUNTER_OF_IPV6.match(line):
            counters[f"{single['protocol']}.{single['name']}"] = int(single["value"])
            continue
        protocol, separator, rest = line.partition(":")
        if not separator:
            continue
        words = rest.split()
        if protocol in names and all(word.lstrip("-").isdigit() for word in words):
            counters |= {f"{protocol}.{name}": int(word) for name, word in zip(names[protocol], words, strict=False)}
        else:
            names[protocol] = words
    return counters


@dataclass(frozen=True)
class Socket:
    """One line of /proc/net/tcp or tcp6 (or udp)."""

    local: str
    local_port: int
    remote: str
    remote_port: int
    state: str


def parse_sockets(text: str) -> list[Socket]:
    """The sockets of /proc/net/tcp, tcp6, udp or udp6; IPv4 addresses mapped into IPv6 are given as IPv4."""
    sockets = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 4 or not words[0].rstrip(":").isdigit():
            continue
        (local, local_port), (remote, remote_port) = (_endpoint(word) for word in words[1:3])
        sockets.append(Socket(local, local_port, remote, remote_port, words[3]))
    return sockets


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.partition(":")
    # Words of 32 bits, each in the byte order of the machine; the suite's guests are little-endian.
    data = b"".join(bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8))
    parsed = ipaddress.ip_address(data)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed), int(port, 16)
