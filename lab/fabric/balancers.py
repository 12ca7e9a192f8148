"""Services in OVN: load balancers on a network's switches, and on its router for what comes from beyond.

On the switches a client's own node picks the backend. On the router it is picked at the node by which the network
leaves the cluster, for packets to the router's address on the physical network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.fabric import names
from lab.fabric.gateway import gateway_address
from lab.fabric.model import Balancer, Entrance
from lab.fabric.rows import Rows

# As OVN-Kubernetes sets them: nobody behind an address means a refusal at once; a machine that reaches itself by a
# service sees this source.
OPTIONS = {"reject": "true", "hairpin_snat_ip": "169.254.0.5 fd69::5", "neighbor_responder": "none"}


def ensure_balancer(rows: Rows, balancer: Balancer) -> None:
    """The load balancer, on every switch of its network; nothing if the network is not there."""
    own = rows.owned("Logical_Switch", names.NETWORK_KEY, balancer.network)
    switches = rows.decide("fabric.balanced-switches", own)
    _ensure(rows, balancer.name, balancer.protocol, balancer.fronts, switches)


def ensure_entrance(rows: Rows, entrance: Entrance) -> str | None:
    """The load balancer, on the router of its network; gives the address to send to, None without a way in."""
    router = rows.find("Logical_Router", names.router(entrance.network))
    address = gateway_address(rows, router.name) if router is not None else None
    if address is None:
        delete_balancer(rows, entrance.name)
        return None
    fronts = {f"{address}:{port}": backends for port, backends in entrance.ports.items()}
    _ensure(rows, entrance.name, entrance.protocol, fronts, [router])
    return address


def delete_balancer(rows: Rows, name: str) -> None:
    """No load balancer of that name; whatever had it lets go of it by itself."""
    row = rows.find("Load_Balancer", name)
    if row is not None:
        row.delete()


def _ensure(rows: Rows, name: str, protocol: str, fronts: Mapping[str, Sequence[str]], holders: Iterable[Any]) -> None:
    row = rows.ensure("Load_Balancer", name, {
        "protocol": protocol.lower(),
        "vips": {front: ",".join(backends) for front, backends in fronts.items()},
        "options": OPTIONS,
    })  # fmt: skip
    for holder in holders:
        if row.uuid not in {held.uuid for held in holder.load_balancer}:
            holder.addvalue("load_balancer", row)
