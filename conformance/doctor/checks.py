"""What of a cluster deserves a look before a run, beside its features."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network

from conformance.doctor import rights
from conformance.doctor.overlaps import Claim, claims_of, overlaps
from conformance.features.ovn_kubernetes import DAEMONS, OvnKubernetes
from conformance.features.sight import Sight
from conformance.kube.errors import ApiError
from conformance.tenancy.subnets import DEFAULT_POOL, IPV6_POOL

Finding = tuple[bool | None, str]
_SHOWN = 3


@dataclass(frozen=True)
class Check:
    """One question; ``ok`` is None when nobody could tell."""

    name: str
    ok: bool | None
    evidence: str


def checks(sight: Sight) -> list[Check]:
    """Every check; what the API refuses is told as its evidence."""
    with ThreadPoolExecutor(len(_CHECKS)) as threads:
        return list(threads.map(lambda name: _one(name, sight), _CHECKS))


def _one(name: str, sight: Sight) -> Check:
    try:
        return Check(name, *_CHECKS[name](sight))
    except (ApiError, OSError, ValueError) as error:
        return Check(name, None, f"could not be found out: {error}")


def _rights(sight: Sight) -> Finding:
    needed = rights.needed()
    missing = rights.lacking(sight.api, needed)
    if not missing:
        return True, f"the user has all {len(needed)} rights of deploy/{rights.MANIFEST.name}"
    return False, f"the user lacks {len(missing)} of {len(needed)} rights of deploy/{rights.MANIFEST.name}: " + (
        rights.told(missing)
    )


def _masquerade(sight: Sight) -> Finding:
    found = OvnKubernetes.of(sight)
    if found is None:
        return None, f"no DaemonSet {DAEMONS} to read it from"
    masquerade, count = found.masquerade(), len(sight.networks)
    return masquerade.room > count, f"{masquerade} holds {masquerade.room} user-defined networks, there are {count}"


def _overlaps(sight: Sight) -> Finding:
    pools = (DEFAULT_POOL, IPV6_POOL)
    ours = (Claim(ip_network(pool), "this suite") for pool in pools)
    found = overlaps([*ours, *(claim for network in sight.networks for claim in claims_of(network))])
    if not found:
        own = " and ".join(pools)
        return True, f"none among {len(sight.networks)} networks and {own}, from which a run takes its own"
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    # Networks are isolated: OVN-Kubernetes lets them overlap, and only what joins them is harmed.
    return False, "; ".join(map(str, found[:_SHOWN])) + more + " (isolated networks may overlap)"


_CHECKS: dict[str, Callable[[Sight], Finding]] = {
    "rights": _rights,
    "masquerade-subnet": _masquerade,
    "overlapping-subnets": _overlaps,
}
