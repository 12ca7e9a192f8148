"""Faults that act on frames between a guest and its network: nftables rules on the bridge in the launcher's pod.

They are in force before the guest runs and go with its pod, so lifting such a fault leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from lab.faults.registry import Fault

if TYPE_CHECKING:
    from lab.nodes.sandbox import Sandbox
    from lab.nodes.virt_handler.describe import Attachment


@dataclass(frozen=True)
class Wire:
    """The bridge between a guest's first NIC and its network.

    ``tap`` is the guest's side; ``incoming`` tells that the guest comes from another node; ``beside`` are the
    addresses of what runs on the node already.
    """

    tap: str
    address: str
    subnet: str
    gateway: str
    machine: str
    node: str
    incoming: bool
    beside: tuple[str, ...]


Rules = Callable[[Wire], Iterable[str]]


def frames(fault: Fault, sets: str = "") -> Callable[[Rules], Rules]:
    """Register a function that gives nftables statements for each frame that passes the bridge, either way.

    ``sets`` are declarations of named sets that the statements use.
    """

    def register(rules: Rules) -> Rules:
        @fault.at("machine.filter")
        def filtered(text: str, **facts: Any) -> str:
            wire = _wire(**facts)
            if wire is None:
                return text
            statements = "\n".join(rules(wire))
            name = fault.name.replace("-", "_")
            chain = f"chain frames {{ type filter hook forward priority 0; policy accept;\n{statements}\n}}"
            return f"{text}table bridge {name} {{\n{sets}\n{chain}\n}}\n"

        return rules

    return register


def _wire(
    nics: tuple[Attachment, ...],
    vmi: dict[str, Any],
    node: str,
    incoming: bool,
    beside: tuple[Sandbox, ...],
    **_: object,
) -> Wire | None:
    if not nics or not nics[0].interface.ips:
        return None
    own = ip_interface(nics[0].interface.ips[0])
    gateways = nics[0].interface.gateways
    return Wire(
        tap=nics[0].cable.tap,
        address=str(own.ip),
        subnet=str(own.network),
        gateway=str(ip_interface(gateways[0]).ip) if gateways else "",
        machine=str(vmi["metadata"]["uid"]),
        node=node,
        incoming=incoming,
        beside=tuple(str(ip_interface(ip).ip) for other in beside for ip in other.primary.ips[:1]),
    )
