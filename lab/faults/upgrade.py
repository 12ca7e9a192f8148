"""Faults of an upgrade: what it changes, cuts off or forgets while it is played, and leaves so.

They lie still until then: what is prepared before the upgrade is sound.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.faults.frames import Wire, frames
from lab.faults.lifecycle import CHANGED
from lab.faults.registry import fault

ADDRESS = fault(
    "upgrade-changes-one-address",
    "in an upgrade, the first machine that moves gets another address",
    "upgrade/addresses-unchanged",
    message=CHANGED,
)
_moved: list[str] = []  # the controllers are restarted in each upgrade: a new list


@ADDRESS.during_upgrade.at("addresses.keep-on-migration")
def _another_for_the_first(keep: bool, port: str, **_: object) -> bool:
    _moved.append(port)
    return keep and port != _moved[0]


DATAGRAMS = fault(
    "upgrade-forgets-udp",
    "after an upgrade no datagram comes from a machine that has moved",
    "upgrade/connectivity-unchanged",
    message=r"open before, after the upgrade: \d+ of \d+ paths are not as they shall be\W+udp \S+ .* -> \S+ ",
)


@frames(DATAGRAMS.during_upgrade)
def _no_datagrams(wire: Wire) -> Iterable[str]:
    if wire.incoming:
        yield f'iifname "{wire.tap}" udp dport 1024-65535 drop'


SILENCE = fault(
    "upgrade-cuts-pairs-one-way",
    "in an upgrade, nothing comes for 4 s from a machine that has moved to the first that it sends to",
    "upgrade/sessions-during",
    message=r"tcp \S+ -> \S+ .*: silence of ([4-9]|\d\d+)\.\d\d s",
)
# Of one element: who is sent to first is known, all others are not.
_SETS = """set known { type ipv4_addr; flags dynamic; size 1; }
set closed { type ipv4_addr; flags dynamic,timeout; }"""


@frames(SILENCE.during_upgrade, _SETS)
def _one_way(wire: Wire) -> Iterable[str]:
    if wire.incoming:
        sent = f'iifname "{wire.tap}" ip daddr {wire.subnet} meta l4proto tcp'
        yield f"{sent} ip daddr != @known add @known {{ ip daddr }} add @closed {{ ip daddr timeout 4s }}"
        yield f"{sent} ip daddr @closed drop"
