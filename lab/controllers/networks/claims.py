"""IPAMClaims: addresses that a virtual machine keeps while it is stopped, restarted or moved.

The claim of a machine is made when its instance (VMI) appears on a network with persistent addresses, and released
when the machine is gone; both as KubeVirt's ipam-extensions does. What stands in a claim's status is written by
whoever allocates (:mod:`lab.controllers.networks.leases`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lab.client import AlreadyExists, Client, NotFound
from lab.controllers.networks.registry import MissingPrimary, Registry
from lab.controllers.runtime import Context, Controller, Key, key_of
from lab.events import now
from lab.resources import IPAM_CLAIMS, NADS, VMIS, VMS

Object = dict[str, Any]

FINALIZER = "kubevirt.io/persistent-ipam"
VM_LABEL = "kubevirt.io/vm"
_LOOK_AGAIN = 0.05
_UNNAMEABLE = re.compile(r"[^a-z0-9.-]")


def claim_name(machine: str, network: str) -> str:
    """The name of a machine's claim on the network of that name (``<vm>.<logical network>``)."""
    return _UNNAMEABLE.sub(".", f"{machine}.{network}".lower())


def claim_for(machine: str, network: str, owner: Object) -> Object:
    """The claim of a machine; ``owner`` is its VM, or its VMI if it has none."""
    metadata = owner["metadata"]
    return {
        "metadata": {
            "name": claim_name(machine, network),
            "namespace": metadata["namespace"],
            "labels": {VM_LABEL: machine},
            "finalizers": [FINALIZER],
            "ownerReferences": [
                {
                    "apiVersion": VMS.api_version,
                    "kind": owner["kind"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"network": network, "interface": ""},
    }


async def tell_allocated(client: Client, claim: Object, addresses: Sequence[str], pod: str) -> None:
    """Write into a claim's status what it holds."""
    condition = _condition(True, "SuccessfulAllocation", "IP allocation succeeded")
    await _write_status(client, claim, {"ips": list(addresses), "ownerPod": {"name": pod}, "conditions": [condition]})


async def tell_failed(client: Client, claim: Object, reason: str, message: str) -> None:
    """Write into a claim's status why it holds nothing."""
    before = claim.get("status", {}).get("conditions") or [{}]
    if before[0].get("reason") != reason:
        await _write_status(client, claim, {"conditions": [_condition(False, reason, message)]})


async def forget(client: Client, claim: Object) -> None:
    """Take the addresses out of a claim's status."""
    await _write_status(client, claim, {"ips": None, "ownerPod": None})


class Claims:
    """Makes and releases the claims of virtual machines."""

    def __init__(self, context: Context, registry: Registry, in_use: Callable[[Object], bool]) -> None:
        """``in_use`` tells whether a pod still has what a claim holds: such a claim is not let go yet."""
        self._client = context.client
        self._faults = context.faults
        self._registry = registry
        self._in_use = in_use
        self._vms = context.informers.of(VMS)
        self._vmis = context.informers.of(VMIS)
        self._claims = context.informers.of(IPAM_CLAIMS)
        self.controller = Controller("claims", self.reconcile)
        self.controller.watch(self._vms)
        self.controller.watch(self._vmis)
        self.controller.watch(self._claims, keys=_machine_of_claim)
        self.controller.watch(context.informers.of(NADS), keys=self._machines_beside)

    async def reconcile(self, key: Key) -> float | None:
        """Bring the claims of one machine, by its name, to where they belong."""
        vm, vmi = self._vms.get(*key), self._vmis.get(*key)
        claims = [claim for claim in self._claims.list() if key in _machine_of_claim(claim)]
        if vmi is None:
            return await self._release(key, vm, claims)
        if "deletionTimestamp" not in (vm or vmi)["metadata"]:
            await self._make(key, vm or vmi)
        return None

    async def _make(self, key: Key, owner: Object) -> None:
        try:
            primary = await self._registry.primary_of(key.namespace)
        except MissingPrimary:
            return
        if primary is None or not primary.definition.persistent:
            return
        network = primary.definition.network
        claim = claim_for(key.name, network, owner)
        present = self._claims.get(key.namespace, claim["metadata"]["name"])
        if present is None:
            try:
                await self._client.create(IPAM_CLAIMS, claim)
                return
            except AlreadyExists:
                present = await self._client.get(IPAM_CLAIMS, claim["metadata"]["name"], key.namespace)
        if not _owned_by(present, owner) and "deletionTimestamp" not in present["metadata"]:
            message = f'failed since it found an existing IPAMClaim for "{key}"'
            await self._client.event(owner, "Warning", "FailedIPAMClaim", message)

    async def _release(self, key: Key, vm: Object | None, claims: list[Object]) -> float | None:
        again = None
        for claim in claims:
            facts = {"claim": claim["metadata"]["name"], "namespace": key.namespace, "vm": key.name}
            owner_lives = vm is not None and "deletionTimestamp" not in vm["metadata"] and _owned_by(claim, vm)
            if owner_lives and self._faults.decide("claims.keep-object-on-stop", True, **facts):
                continue
            if not owner_lives and not self._faults.decide("claims.release-on-delete", True, **facts):
                continue
            if self._in_use(claim):
                again = _LOOK_AGAIN
                continue
            await self._let_go(claim)
        return again

    async def _let_go(self, claim: Object) -> None:
        metadata = claim["metadata"]
        name, namespace, uid = metadata["name"], metadata["namespace"], metadata["uid"]
        left = [item for item in metadata.get("finalizers") or () if item != FINALIZER]
        try:
            if "deletionTimestamp" not in metadata:
                await self._client.delete(IPAM_CLAIMS, name, namespace, preconditions=uid)
            await self._client.patch(IPAM_CLAIMS, name, namespace, {"metadata": {"uid": uid, "finalizers": left}})
        except NotFound:
            return

    def _machines_beside(self, nad: Object) -> Iterable[Key]:
        namespace = nad["metadata"]["namespace"]
        return [key_of(vmi) for vmi in self._vmis.list() if vmi["metadata"]["namespace"] == namespace]


def _machine_of_claim(claim: Object) -> tuple[Key, ...]:
    metadata = claim["metadata"]
    name = (metadata.get("labels") or {}).get(VM_LABEL)
    return (Key(metadata["namespace"], name),) if name else ()


def _owned_by(claim: Object, owner: Object) -> bool:
    owners = claim["metadata"].get("ownerReferences") or ()
    return any(one["uid"] == owner["metadata"]["uid"] for one in owners)


def _condition(status: bool, reason: str, message: str) -> Object:
    return {
        "type": "IPsAllocated",
        "status": str(status),
        "reason": reason,
        "message": message,
        "lastTransitionTime": now(),
    }


async def _write_status(client: Client, claim: Object, status: Object) -> None:
    metadata = claim["metadata"]
    body = {"metadata": {"uid": metadata["uid"]}, "status": status}
    try:
        await client.patch(IPAM_CLAIMS, metadata["name"], metadata["namespace"], body, subresource="status")
    except NotFound:
        return
