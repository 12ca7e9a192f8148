"""Leases: the address and MAC of each workload on each network, held by a pod, a machine's run, or its claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.client import Client, Informer, NotFound
from lab.controllers.networks import claims
from lab.controllers.networks.allocator import AllocationError, Pool
from lab.controllers.networks.registry import Registry
from lab.controllers.networks.workloads import Request
from lab.controllers.runtime import Context
from lab.resources import IPAM_CLAIMS

Object = dict[str, Any]

_CLAIM = "claim/"


class ClaimAwaited(Exception):
    """A pod names a claim that is not there yet."""


class Leases:
    """Takes addresses for workloads and gives them back, claims being kept."""

    def __init__(self, context: Context, registry: Registry) -> None:
        self._client: Client = context.client
        self._faults = context.faults
        self._registry = registry
        self._claims: Informer = context.informers.of(IPAM_CLAIMS)
        self._first_node = context.config.nodes[0].name
        self._used: dict[str, list[Pool]] = {}
        self.on_release: list[Callable[[], None]] = []
        self._claims.on_change(self._claim_changed)

    def restore(self) -> None:
        """Hold again, after a restart of this process, what claims say that they hold."""
        for claim in self._claims.list():
            definition = self._registry.definition(claim["spec"]["network"])
            addresses = claim.get("status", {}).get("ips")
            if definition is None or not addresses:
                continue
            pool = self._registry.pool(definition, self._first_node, claim["metadata"]["namespace"])
            pool.hold(_owner(claim), addresses)

    async def take(self, pool: Pool, owner: str, request: Request, pod: Object) -> tuple[tuple[str, ...], str]:
        """Addresses (with prefix length) for a workload, and who holds them.

        :class:`AllocationError` if there are none, :class:`ClaimAwaited` if the pod's claim is not there yet.
        """
        if not request.claim or not pool.subnets:
            return self._from_pool(pool, owner, request), owner
        namespace, name = pod["metadata"]["namespace"], request.claim
        claim = self._claims.get(namespace, name) or await self._look(namespace, name)
        if "deletionTimestamp" in claim["metadata"]:
            raise ClaimAwaited(f"IPAMClaim {namespace}/{name} is being deleted")
        holder = _owner(claim)
        facts = {"claim": name, "namespace": namespace, "pod": pod["metadata"]["name"]}
        kept = tuple(claim.get("status", {}).get("ips") or ())
        honoured = self._faults.decide("claims.honour", True, addresses=kept, held=holder in self._used, **facts)
        if kept and not honoured:
            pool.release(holder)
            addresses = pool.take(holder, avoid=kept)
        elif kept and not pool.held(holder):
            addresses = pool.hold(holder, kept)
        else:
            try:
                addresses = self._from_pool(pool, holder, request)
            except AllocationError as error:
                await claims.tell_failed(self._client, claim, error.reason, str(error))
                raise
        if addresses != kept:
            await claims.tell_allocated(self._client, claim, addresses, pod["metadata"]["name"])
        return addresses, holder

    def again(self, pool: Pool, holder: str) -> tuple[str, ...]:
        """Other addresses than those held, for whoever holds them."""
        before = pool.held(holder)
        pool.release(holder)
        return pool.take(holder, avoid=before)

    def use(self, pool: Pool, holder: str) -> None:
        """One more interface uses what ``holder`` holds in a pool."""
        self._used.setdefault(holder, []).append(pool)

    def in_use(self, claim: Object) -> bool:
        """Whether an interface uses what a claim holds."""
        return _owner(claim) in self._used

    async def leave(self, pool: Pool, holder: str) -> None:
        """One interface less uses it; with the last, it is given back, unless a claim keeps it."""
        left = list(self._used.get(holder, ()))
        if pool in left:
            left.remove(pool)
        if left:
            self._used[holder] = left
        else:
            self._used.pop(holder, None)
        if pool in left:
            return
        claim = self._claim_of(holder)
        if claim is not None:
            metadata = claim["metadata"]
            vm = (metadata.get("labels") or {}).get(claims.VM_LABEL)
            facts = {"claim": metadata["name"], "namespace": metadata["namespace"], "vm": vm}
            if self._faults.decide("claims.keep-on-stop", True, **facts):
                if not self._faults.decide("claims.reserve-on-stop", True, **facts):
                    self._release(pool, holder)
                return
            await claims.forget(self._client, claim)
        self._release(pool, holder)

    def _from_pool(self, pool: Pool, owner: str, request: Request) -> tuple[str, ...]:
        honoured = self._faults.decide("addresses.honour-request", True, owner=owner)
        if request.addresses and honoured:
            return pool.hold(owner, request.addresses)
        avoid: tuple[str, ...] = ()
        avoid = self._faults.decide("addresses.avoid", avoid, owner=owner, subnets=pool.subnets)
        return pool.take(owner, avoid=avoid)

    async def _look(self, namespace: str, name: str) -> Object:
        try:
            return await self._client.get(IPAM_CLAIMS, name, namespace)
        except NotFound:
            raise ClaimAwaited(f"IPAMClaim {namespace}/{name} is not there yet") from None

    def _claim_of(self, holder: str) -> Object | None:
        """The claim that a holder is, None if it is none or is gone."""
        if not holder.startswith(_CLAIM):
            return None
        return next((claim for claim in self._claims.list() if _owner(claim) == holder), None)

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        if old is None or (new is not None and new["metadata"]["uid"] == old["metadata"]["uid"]):
            return
        holder = _owner(old)
        if holder not in self._used:
            for pool in self._registry.pools():
                self._release(pool, holder)

    def _release(self, pool: Pool, holder: str) -> None:
        if self._faults.decide("addresses.release", True, owner=holder) and pool.release(holder):
            for callback in self.on_release:
                callback()


def _owner(claim: Object) -> str:
    return f"{_CLAIM}{claim['metadata']['uid']}"
