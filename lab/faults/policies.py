"""Faults of traffic control: policies that are ignored, halved, lost or kept too long, and pods that are not locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lab.fabric.model import Allow
from lab.faults.isolation import PATH, join_routers
from lab.faults.registry import fault

if TYPE_CHECKING:
    from lab.controllers.networks.policy_rules import Member
    from lab.fabric.model import Filter
    from lab.fabric.rows import Rows

Object = dict[str, Any]

SOON = ("--timeout", "policy-effective=5")
LEAK = PATH + ", got reply"

IGNORED = fault("policy-ignored", "policies change nothing", "policy/default-deny", message=LEAK, run_options=SOON)
NO_EGRESS = fault(
    "policy-without-egress",
    "policies judge what comes in, and forget what leaves",
    "policy/default-deny",
    message=r"(icmp|tcp|udp) \S+guarded/\S+ .*-> \S+other/\S+ .*: expected no path, got reply",
    run_options=SOON,
)
NO_UDP = fault(
    "policy-without-udp",
    "datagrams pass whatever a policy says",
    "policy/default-deny",
    message=r"udp \S+ .*-> \S+ .*: expected no path",
    run_options=SOON,
)
ONE_NODE = fault(
    "policy-at-one-node",
    "a policy protects only the pods of one node",
    "policy/default-deny",
    "policy/allow-same-namespace",
    message=LEAK,
    run_options=SOON,
)
KEPT = fault(
    "policy-outlives-its-deletion",
    "a policy that is deleted goes on filtering",
    "policy/default-deny",
    message=r"(icmp|tcp|udp) \S+ .*-> \S+ .*: not reached",
    run_options=("--timeout", "reach=6"),
)
ANYBODY = fault(
    "policy-without-peers",
    "a rule that allows some peers allows all",
    "policy/allow-same-namespace",
    "policy/allow-by-label-and-port",
    message=LEAK,
    run_options=SOON,
)
NOBODY = fault(
    "policy-without-rules",
    "a policy shuts out those whom it allows, too",
    "policy/allow-same-namespace",
    "policy/allow-by-label-and-port",
    message=r"(icmp|tcp|udp) \S+ .*-> \S+ .*: not reached",
    run_options=("--timeout", "reach=6"),
)
NO_PORTS = fault(
    "policy-without-ports",
    "a rule that allows a port allows all",
    "policy/allow-by-label-and-port",
    message=LEAK,
    run_options=SOON,
)
LOST = fault(
    "policy-lost-by-migration",
    "a policy does not follow a VM to another node",
    "policy/survives-migration",
    message=r"after \S+ moved",
)
CONNECTS = fault(
    "policy-connects-networks",
    "a policy that allows a namespace of another network lets it in",
    "limits/policy-across-udns-ineffective",
    message=r"(icmp|tcp|udp) \S+ .*-> \S+ .*: expected no path, got reply",
)
NOT_LOCKED = fault(
    "pods-not-locked",
    "pods of a primary network stay on the default network as well",
    "primary-l2/isolated-from-default-network",
    message=LEAK,
)


@IGNORED.at("policy.filter")
def _nothing(filter: Filter, **_: object) -> Filter:
    return replace(filter, ingress=None, egress=None)


@NO_EGRESS.at("policy.filter")
def _inward(filter: Filter, **_: object) -> Filter:
    return replace(filter, egress=None)


@NO_UDP.at("nb.ACL")
def _but_udp(columns: Object, **_: object) -> Object:
    if columns.get("action") != "drop":
        return columns
    return {**columns, "match": f"({columns['match']}) && (icmp || tcp)"}


@ONE_NODE.at("policy.filter")
def _at_one_node(filter: Filter, members: Sequence[Member], **_: object) -> Filter:
    there = {member.port for member in members if member.pod["spec"]["nodeName"] == "worker-1"}
    return replace(filter, ports=tuple(port for port in filter.ports if port in there))


@KEPT.at("policy.delete")
def _not_deleted(_: bool, **__: object) -> bool:
    return False


@ANYBODY.at("policy.filter")
def _from_anybody(filter: Filter, **_: object) -> Filter:
    return replace(filter, ingress=tuple(replace(allow, peers=None) for allow in filter.ingress or ()))


@CONNECTS.at("policy.filter")
def _from_other_networks(filter: Filter, members: Sequence[Member], **_: object) -> Filter:
    # Whoever is no member of this network, wherever it is, may come in.
    own = tuple(sorted({address for member in members for address in member.addresses}))
    strangers = Allow(excepts=own)
    return replace(filter, ingress=(*(filter.ingress or ()), strangers))


@NOBODY.at("policy.filter")
def _for_nobody(filter: Filter, **_: object) -> Filter:
    return replace(filter, ingress=())


@NO_PORTS.at("policy.filter")
def _on_any_port(filter: Filter, **_: object) -> Filter:
    return replace(filter, ingress=tuple(replace(allow, ports=()) for allow in filter.ingress or ()))


@LOST.at("policy.members")
def _who_stayed(members: Sequence[Member], **_: object) -> list[Member]:
    return [member for member in members if "kubevirt.io/migrationJobUID" not in member.labels]


@CONNECTS.at("fabric.router")
def _joined(router: Any, rows: Rows, subnets: Sequence[str], **_: object) -> Any:
    return join_routers(router, rows, subnets)


@NOT_LOCKED.at("fabric.lock")
def _not_locked(_: bool, **__: object) -> bool:
    return False
