"""Faults of address families: IPv6 that is not told, not kept or not carried, and services of the wrong family."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.faults.frames import Wire, frames
from lab.faults.registry import fault

Object = dict[str, Any]

NO_ADVERTISEMENT = fault(
    "router-does-not-advertise",
    "routers of networks do not advertise themselves",
    "primary-l2/dual-stack",
    message=r"has no default route of IPv6",
    run_options=("--timeout", "guest-address=20", "-k", "router"),
)


@NO_ADVERTISEMENT.at("nb.Logical_Router_Port")
def _silent(columns: Object, **_: object) -> Object:
    return {**columns, "ipv6_ra_configs": {}} if "ipv6_ra_configs" in columns else columns


NO_DHCPV6 = fault(
    "no-dhcpv6",
    "DHCP serves IPv4 alone",
    "primary-l2/dual-stack",
    message=r"has no address in fd\S+",
    run_options=("--timeout", "guest-address=20", "-k", "agrees"),
)


@NO_DHCPV6.at("nb.Logical_Switch_Port")
def _served_ipv4(columns: Object, **_: object) -> Object:
    return {**columns, "dhcpv6_options": []} if "dhcpv6_options" in columns else columns


CLAIM_FORGETS = fault(
    "claim-without-ipv6",
    "address claims hold the address of the first family alone",
    "primary-l2/dual-stack",
    message=r"the claim has \S+, expected",
    run_options=("-k", "agrees"),
)


@CLAIM_FORGETS.at("api.IPAMClaim")
def _first_address(claim: Object, **_: object) -> Object:
    status = claim.get("status") or {}
    return {**claim, "status": {**status, "ips": status["ips"][:1]}} if status.get("ips") else claim


TCP_LOST = fault(
    "ipv6-carries-no-tcp",
    "TCP over IPv6 does not arrive at machines",
    "primary-l2/dual-stack",
    message=r"tcp \S+ .*-> \S+ .*: not reached",
    run_options=("--timeout", "reach=6", "-k", "different_nodes"),
)


@frames(TCP_LOST)
def _no_sessions(wire: Wire) -> Iterable[str]:
    yield f'oifname "{wire.tap}" meta protocol ip6 meta l4proto tcp drop'


STAYS_BEHIND = fault(
    "ipv6-lost-by-migration",
    "a machine that has moved is not reached by IPv6",
    "primary-l2/dual-stack",
    message=r"icmp \S+ -> fd\S+:",
    run_options=("--timeout", "reach=6", "-k", "move"),
)


@frames(STAYS_BEHIND)
def _not_here(wire: Wire) -> Iterable[str]:
    if wire.incoming:
        yield f'oifname "{wire.tap}" meta protocol ip6 meta l4proto ipv6-icmp icmpv6 type echo-request drop'


FAMILIES_UNCHECKED = fault(
    "service-families-unchecked",
    "the API takes services that ask for families which their policy, or the cluster, does not allow",
    "services/ip-family-policy",
    message=r"the API takes a service with \{'ipFamil",
)


@FAMILIES_UNCHECKED.at("apiserver.causes")
def _overlook(causes: list[Any], kind: str, **_: object) -> list[Any]:
    return [one for one in causes if kind != "Service" or "ipFamil" not in one.field]


FAMILIES_REVERSED = fault(
    "service-families-reversed",
    "services of both families get their addresses in the wrong order",
    "services/ip-family-policy",
    message=r"\['IPv\d', 'IPv\d'\], (asked for|expected) \['IPv",
)


@FAMILIES_REVERSED.at("apiserver.created")
def _reversed(obj: Object, kind: str, **_: object) -> Object:
    spec = obj.get("spec") or {}
    if kind != "Service" or len(spec.get("clusterIPs") or ()) < 2:
        return obj
    addresses = spec["clusterIPs"][::-1]
    turned = {"clusterIP": addresses[0], "clusterIPs": addresses, "ipFamilies": spec["ipFamilies"][::-1]}
    return {**obj, "spec": {**spec, **turned}}


PREFERRED_IGNORED = fault(
    "service-prefers-in-vain",
    "services that prefer both families get one",
    "services/ip-family-policy",
    message=r"PreferDualStack: \['IPv\d'\], expected",
)


@PREFERRED_IGNORED.at("apiserver.created")
def _first_alone(obj: Object, kind: str, **_: object) -> Object:
    spec = obj.get("spec") or {}
    if kind != "Service" or spec.get("ipFamilyPolicy") != "PreferDualStack":
        return obj
    return {**obj, "spec": {**spec, "clusterIPs": spec["clusterIPs"][:1], "ipFamilies": spec["ipFamilies"][:1]}}
