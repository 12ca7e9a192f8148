"""Faults of the way out of the cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.config import UNDERLAY_SUBNETS
from lab.faults.frames import Wire, frames
from lab.faults.registry import fault

Object = dict[str, Any]

SOON = ("--timeout", "reach=8")


NO_SNAT = fault(
    "egress-without-nat",
    "packets leave a network with addresses to which nobody can reply",
    "primary-l2/egress",
    message=r"icmp \S+ -> 203\.0\.113\.10: .* within",
    run_options=SOON,
)


@NO_SNAT.at("nb.NAT")
def _nobodys(columns: Object, network: str, **_: object) -> Object:
    return columns if network == "default" else {**columns, "logical_ip": "192.0.2.0/24"}


EGRESS_AT_ONE_NODE = fault(
    "egress-from-one-node",
    "what runs on one of the nodes does not get out of the cluster",
    "primary-l2/egress",
    message=r"icmp \S+ -> 203\.0\.113\.10: .* within",
    run_options=SOON,
)


@frames(EGRESS_AT_ONE_NODE)
def _not_there(wire: Wire) -> Iterable[str]:
    if wire.node == "worker-1":
        yield "ip daddr 203.0.113.10 drop"


NO_SESSIONS_OUT = fault(
    "egress-for-pings-alone",
    "of what machines send out of the cluster, only pings get there",
    "primary-l2/egress",
    message=r"(tcp|udp) \S+ .*-> the outside host .*: not reached",
    run_options=SOON,
)


@frames(NO_SESSIONS_OUT)
def _pings_alone(wire: Wire) -> Iterable[str]:
    yield _kept_in(wire, "{ tcp, udp }")


NO_DATAGRAMS_OUT = fault(
    "egress-without-udp",
    "the world beyond the cluster gets no datagrams of machines",
    "primary-l2/egress",
    message=r"udp \S+ .*-> the outside host .*: not reached",
    run_options=SOON,
)


@frames(NO_DATAGRAMS_OUT)
def _no_datagrams(wire: Wire) -> Iterable[str]:
    yield _kept_in(wire, "udp")


def _kept_in(wire: Wire, protocols: str) -> str:
    return f'iifname "{wire.tap}" ip daddr {UNDERLAY_SUBNETS[0]} meta l4proto {protocols} drop'
