"""Which subnets of user-defined networks overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

Object = dict[str, Any]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Claim:
    """A range of addresses, and who uses it."""

    subnet: Network
    owner: str


@dataclass(frozen=True)
class Overlap:
    """Ranges that have addresses in common, directly or by one between them; the lowest comes first."""

    claims: tuple[Claim, ...]

    def __str__(self) -> str:
        shown = [f"{claim.subnet} of {claim.owner}" for claim in self.claims[:3]]
        more = len(self.claims) - len(shown)
        return " and ".join(shown) + (f" and {more} more" if more > 0 else "")


def claims_of(network: Object) -> Iterator[Claim]:
    """The subnets of a UserDefinedNetwork or ClusterUserDefinedNetwork; what is no subnet is passed over."""
    metadata, spec = network["metadata"], network.get("spec") or {}
    spec = spec.get("network") or spec
    details: Object = spec.get(str(spec.get("topology", "")).lower()) or {}
    owner = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
    for entry in details.get("subnets") or []:
        text = entry.get("cidr") if isinstance(entry, dict) else entry
        try:
            yield Claim(ip_network(str(text), strict=False), f"{network.get('kind', 'network')} {owner}")
        except ValueError:
            continue


def overlaps(claims: Iterable[Claim]) -> list[Overlap]:
    """Claims of different owners that overlap, in groups; one pass over the sorted ranges."""
    found: list[Overlap] = []
    group: list[Claim] = []
    end = -1
    for claim in sorted(
        claims, key=lambda each: (each.subnet.version, int(each.subnet[0]), -each.subnet.num_addresses)
    ):
        if group and (claim.subnet.version != group[0].subnet.version or int(claim.subnet[0]) > end):
            found += _closed(group)
            group, end = [], -1
        group.append(claim)
        end = max(end, int(claim.subnet[-1]))
    return found + _closed(group)


def _closed(group: list[Claim]) -> list[Overlap]:
    return [Overlap(tuple(group))] if len({claim.owner for claim in group}) > 1 else []
