"""Faults of live migration: what changes, or is cut, when a machine comes to another node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lab.faults.frames import Wire, frames
from lab.faults.lifecycle import CHANGED
from lab.faults.registry import Fault, fault

NEW_ADDRESS = fault(
    "new-address-on-target",
    "a machine gets another address on the node that it moves to",
    "persistence/live-migration-keeps-address",
    message=CHANGED,
)


@NEW_ADDRESS.at("addresses.keep-on-migration")
def _another(_: bool, **__: object) -> bool:
    return False


def _silence(name: str, seconds: float, *breaks: str) -> Fault:
    """The network takes that long to notice where the guest is, from its first frame on."""
    longest = r"longest silence ([2-9]|\d\d)\.\d\d s"
    defined = fault(name, f"a machine that moves is cut off for {seconds:g} s", *breaks, message=longest)
    sets = "set known { type ether_addr; flags dynamic; }\nset closed { type ether_addr; flags dynamic,timeout; }"

    @frames(defined, sets)
    def closed_at_first(wire: Wire) -> Iterable[str]:
        if wire.incoming:
            close = f"add @closed {{ ether saddr timeout {int(seconds * 1000)}ms }}"
            yield f'iifname "{wire.tap}" ether saddr != @known add @known {{ ether saddr }} {close}'
            yield "ether saddr @closed drop"
            yield "ether daddr @closed drop"

    return defined


_silence("cut-off-10s-by-migration", 10, "persistence/session-survives-migration-of-server")
_silence(
    "cut-off-2.5s-by-migration",
    2.5,
    "persistence/session-survives-migration-of-server",
    "persistence/session-survives-migration-of-client",
)

SESSIONS_RESET = fault(
    "sessions-reset-by-migration",
    "open TCP sessions of a machine that moves are reset",
    "persistence/session-survives-migration-of-client",
    message=r"tcp \S+ .*-> \S+ .*the session ended by itself",
)


@frames(SESSIONS_RESET)
def _reset(wire: Wire) -> Iterable[str]:
    if wire.incoming:
        yield f'oifname "{wire.tap}" tcp flags & (syn | fin | rst) == 0 tcp flags set rst'


NEW_GATEWAY_MAC = fault(
    "gateway-mac-changes-with-node",
    "the gateway has another MAC on the node that a machine moves to",
    "persistence/gateway-survives-migration",
    message=r"gateway \S+ was 0a:58:\S+, is 02:",
)


@frames(NEW_GATEWAY_MAC)
def _other_mac(wire: Wire) -> Iterable[str]:
    if not wire.incoming:
        return
    real = "0a:58:" + ":".join(f"{int(octet):02x}" for octet in wire.gateway.split("."))
    false = "02:" + real[3:]
    answer = f'oifname "{wire.tap}" arp operation reply arp saddr ip {wire.gateway}'
    yield f"{answer} arp saddr ether set {false}"
    yield f'iifname "{wire.tap}" ether daddr {false} ether daddr set {real}'


GATEWAY_LOST = fault(
    "gateway-lost-by-migration",
    "a machine that has moved does not reach its gateway",
    "persistence/gateway-survives-migration",
    message=r"icmp \S+ -> \S+\.1: .* within",
    run_options=("--timeout", "reach=6"),
)


@frames(GATEWAY_LOST)
def _no_gateway(wire: Wire) -> Iterable[str]:
    if wire.incoming:
        yield f"ip daddr {wire.gateway} drop"


UNREACHED = r"icmp \S+ -> \S+: .* within"
LEFT_BEHIND = fault(
    "port-stays-at-failed-target",
    "the port of a machine whose migration failed stays at the target",
    "persistence/failed-migration-harmless",
    message=UNREACHED,
    run_options=("--timeout", "reach=6"),
)
STILL = fault(
    "paused-by-failed-migration",
    "a machine whose migration failed stays paused",
    "persistence/failed-migration-harmless",
    message=UNREACHED,
    run_options=("--timeout", "reach=6"),
)
_targets: dict[tuple[str, str], str] = {}


@LEFT_BEHIND.at("ports.nodes")
def _at_the_target(nodes: tuple[str, ...], namespace: str, vm: str, **_: object) -> tuple[str, ...]:
    if len(nodes) > 1:
        _targets[namespace, vm] = nodes[-1]
    return nodes if len(nodes) > 1 else (_targets.get((namespace, vm), nodes[0]),)


@STILL.at("migration.source-goes-on")
def _stays_paused(_: bool, **__: object) -> bool:
    return False


STALE_ON_RETURN = fault(
    "dead-port-on-return",
    "a machine that comes back to a node where it has been is cut off there",
    "persistence/migrate-there-and-back",
    message=r"icmp \S+ .*-> \S+ .*: not reached within",
    run_options=("--timeout", "reach=6"),
)
_been: defaultdict[str, set[str]] = defaultdict(set)


@frames(STALE_ON_RETURN)
def _dead_if_known(wire: Wire) -> Iterable[str]:
    if wire.node in _been[wire.machine]:
        yield "drop"
    _been[wire.machine].add(wire.node)
