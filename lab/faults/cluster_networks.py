"""Faults of networks that several namespaces share: who belongs to them, and what they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lab.faults.frames import Wire, frames
from lab.faults.paths import NO_DHCP
from lab.faults.registry import fault

if TYPE_CHECKING:
    from lab.fabric.rows import Rows

Object = dict[str, Any]

CLUSTER_NETWORK = "cluster_udn_"
NOT_REACHED = r"(icmp|tcp|udp) \S+ .*-> \S+ .*: not reached"
MEMBERS = r"has attachment definitions in \[.*\], expected \[.*\]"
SHORT_WAIT = ("--timeout", "network-ready=10")

SKIPPED = fault(
    "cluster-network-skips-a-namespace",
    "a cluster network leaves out the last of several namespaces that it selects",
    "udn-api/cudn-nad-in-each-namespace",
    message=MEMBERS,
    run_options=SHORT_WAIT,
)


@SKIPPED.at("cudn.namespaces")
def _all_but_the_last(names: list[str], **_: object) -> list[str]:
    return names[:-1] or names


EVERYWHERE = fault(
    "cluster-network-in-every-labelled-namespace",
    "a cluster network comes to every namespace that has the label, whatever it selects",
    "udn-api/cudn-nad-in-each-namespace",
    message=MEMBERS,
    run_options=SHORT_WAIT,
)


@EVERYWHERE.at("cudn.selects")
def _whatever(_: bool, labelled: bool, **__: object) -> bool:
    return labelled


SEPARATE = fault(
    "cluster-network-apart-in-each-namespace",
    "a cluster network is another network in each namespace",
    "udn-api/cudn-nad-in-each-namespace",
    message=r"is not one network: its attachment definitions name \{.*,.*\}",
)


@SEPARATE.at("nad.config")
def _named_by_namespace(config: Object, namespace: str, **_: object) -> Object:
    return {**config, "name": f"{config['name']}_{namespace}"}


NOT_FOLLOWED = fault(
    "new-namespaces-ignored",
    "a cluster network stays with the namespaces that were there when it was made",
    "udn-api/cudn-follows-new-namespaces",
    message=MEMBERS,
    run_options=SHORT_WAIT,
)


@NOT_FOLLOWED.at("cudn.follows-namespaces")
def _stay(_: bool, **__: object) -> bool:
    return False


def _operator_fault(operator: str) -> None:
    defined = fault(
        f"selector-ignores-{operator.lower()}",
        f"selectors of namespaces take no notice of {operator}",
        "udn-api/cudn-selector-operators",
        message=MEMBERS,
        run_options=SHORT_WAIT,
    )

    @defined.at("cudn.term")
    def holds_always(holds: bool, key: str, **facts: object) -> bool:
        # The terms that keep tests within their own namespaces are heeded.
        ignored = facts["operator"] == operator and not key.endswith("/scope")
        return True if ignored and key != "kubernetes.io/metadata.name" else holds


for _operator in ("In", "NotIn", "Exists"):
    _operator_fault(_operator)


SWITCH_PER_NAMESPACE = fault(
    "switch-for-each-namespace",
    "a cluster network has a switch of its own in each namespace",
    "primary-cudn/cross-namespace",
    "primary-cudn/cross-namespace-after-migration",
    "primary-l3/cross-namespace",
    message=NOT_REACHED,
    run_options=("--timeout", "reach=4"),
)


@SWITCH_PER_NAMESPACE.at("fabric.switch-of-port")
def _of_the_namespace(switch: Any, rows: Rows, network: str, port: str, **_: object) -> Any:
    if not network.startswith(CLUSTER_NETWORK):
        return switch
    common = switch.name.partition("_in_")[0]
    name = f"{common}_in_{port.partition('.')[0]}"
    return rows.ensure("Logical_Switch", name, {"external_ids": dict(switch.external_ids)})


POOL_PER_NAMESPACE = fault(
    "pool-for-each-namespace",
    "each namespace of a cluster network gives out the network's addresses as if it were alone",
    "primary-cudn/addresses-unique-across-namespaces",
    message=r"10\.\S+ is in use twice: by \S+ and \S+",
    run_options=("--timeout", "pod-running=20"),
)


@POOL_PER_NAMESPACE.at("addresses.pool")
def _of_its_own(name: str, network: str, namespace: str, **_: object) -> str:
    return f"{name} in {namespace}" if network.startswith(CLUSTER_NETWORK) else name


UDP_LOST_BY_MOVE = fault(
    "datagrams-lost-after-migration",
    "a machine that has moved gets no datagrams",
    "primary-cudn/cross-namespace-after-migration",
    "persistence/live-migration-keeps-address",
    message=r"udp \S+ .*-> \S+ .*: not reached",
    run_options=("--timeout", "reach=4"),
)


@frames(UDP_LOST_BY_MOVE)
def _no_datagrams(wire: Wire) -> Iterable[str]:
    if wire.incoming:
        yield f'oifname "{wire.tap}" meta l4proto udp {NO_DHCP} drop'
