"""What a DHCP server offers, as a guest's own client shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lease:
    """An offer or a lease; fields that the server did not send are empty."""

    address: str
    routers: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()
    mtu: int | None = None
    server: str = ""


def parse_udhcpc(text: str) -> Lease | None:
    """The variables that udhcpc gives its script, printed by ``env``; ``None`` when no offer came."""
    facts = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    if not facts.get("ip"):
        return None
    return _lease(facts["ip"], facts.get("router"), facts.get("dns"), facts.get("mtu"), facts.get("serverid"))


def parse_networkd(text: str) -> Lease | None:
    """A lease file of systemd-networkd; ``None`` when it holds no address."""
    facts = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    if not facts.get("ADDRESS"):
        return None
    return _lease(
        facts["ADDRESS"], facts.get("ROUTER"), facts.get("DNS"), facts.get("MTU"), facts.get("SERVER_ADDRESS")
    )


def parse_network_manager(text: str) -> Lease | None:
    """``nmcli -t -f DHCP4 device show``: lines ``DHCP4.OPTION[n]:name = value``; ``None`` when there is no lease."""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.partition(":")[2].partition(" = ")
        if separator:
            facts[name.strip()] = value.strip()
    if not facts.get("ip_address"):
        return None
    return _lease(
        facts["ip_address"],
        facts.get("routers"),
        facts.get("domain_name_servers"),
        facts.get("interface_mtu"),
        facts.get("dhcp_server_identifier"),
    )


def _lease(address: str, routers: str | None, dns: str | None, mtu: str | None, server: str | None) -> Lease:
    number = int(mtu) if mtu and mtu.strip().isdigit() else None
    return Lease(address.strip(), _words(routers), _words(dns), number, (server or "").strip())


def _words(text: str | None) -> tuple[str, ...]:
    return tuple((text or "").replace(",", " ").split())
