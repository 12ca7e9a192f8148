"""Faults of what outlives a reboot, a restart, a stop, and of what must not outlive a deletion."""

from __future__ import annotations

from typing import Any

from lab.client import Client
from lab.config import LabConfig
from lab.faults.registry import fault
from lab.resources import IPAM_CLAIMS

Object = dict[str, Any]

CHANGED = r"\S+: was VMI 10\.\S+ .*, is VMI 10\."

RESTART_ADDRESS = fault(
    "new-address-at-restart",
    "a machine that starts again gets another address, whatever its claim says",
    "persistence/restart-keeps-address",
    message=CHANGED,
)
REBOOT_ADDRESS = fault(
    "new-address-at-guest-reboot",
    "a reboot from inside the guest ends in a machine with another address",
    "persistence/guest-reboot-keeps-address",
    message=CHANGED,
)


@RESTART_ADDRESS.at("claims.honour")
@REBOOT_ADDRESS.at("claims.honour")
def _only_while_it_runs(_: bool, held: bool, **__: object) -> bool:
    return held


@REBOOT_ADDRESS.at("machine.reboots")
def _ends_instead(_: bool, **__: object) -> bool:
    return False


RESTART_MAC = fault(
    "new-mac-at-restart",
    "each pod of a machine gets a MAC of its own",
    "persistence/mac-kept-over-restart",
    message=r"\S+: MAC was 02:\S+, is 02:",
)


@RESTART_MAC.at("mac.of")
def _of_the_pod(_: str, pod: str, **__: object) -> str:
    digits = pod.replace("-", "")
    return "02:" + ":".join(digits[place : place + 2] for place in range(0, 10, 2))


CLAIM_EMPTIED = fault(
    "address-released-on-stop",
    "the claim of a machine that stops forgets its address",
    "persistence/stop-start-keeps-address",
    message=r"\S+: its claim was IPAMClaim .*\['10\.\S+'\], while stopped it is IPAMClaim .*\[\]",
)


@CLAIM_EMPTIED.at("claims.keep-on-stop")
def _not_kept(_: bool, **__: object) -> bool:
    return False


GIVEN_AWAY = fault(
    "address-given-away-while-stopped",
    "a newcomer gets the address of a stopped machine, whose claim still holds it",
    "persistence/stop-start-keeps-address",
    message=r"\S+ was given the address of the stopped \S+",
)


@GIVEN_AWAY.at("claims.reserve-on-stop")
def _not_reserved(_: bool, **__: object) -> bool:
    return False


CLAIM_DROPPED = fault(
    "claim-dropped-on-stop",
    "the claim of a machine goes when the machine stops",
    "udn-api/claim-per-vm",
    message=r"\S+ has 0 address claims, expected one",
)


@CLAIM_DROPPED.at("claims.keep-object-on-stop")
def _dropped(_: bool, **__: object) -> bool:
    return False


CLAIM_OF_NOBODY = fault(
    "claim-without-owner",
    "claims are owned by something else than their machine",
    "udn-api/claim-per-vm",
    message=r"\S+: claim .* is owned by another",
)


@CLAIM_OF_NOBODY.at(f"api.{IPAM_CLAIMS.kind}")
def _of_another(claim: Object, **_: object) -> Object:
    metadata = claim.get("metadata", {})
    owners = [{**owner, "controller": False} for owner in metadata.get("ownerReferences") or ()]
    if not owners:
        return claim
    strangers = [{**owner, "uid": "00000000-0000-4000-8000-000000000000"} for owner in owners]
    return {**claim, "metadata": {**metadata, "ownerReferences": [*strangers, *owners]}}


async def release_claims(config: LabConfig) -> None:
    """Have claims that are being deleted looked at again."""
    async with Client.from_kubeconfig(config.kubeconfig, "faults") as client:
        for claim in (await client.list(IPAM_CLAIMS)).get("items") or []:
            metadata = claim["metadata"]
            if metadata.get("deletionTimestamp"):
                touched = {"metadata": {"annotations": {"lab/looked-at": str(metadata["resourceVersion"])}}}
                await client.patch(IPAM_CLAIMS, metadata["name"], metadata["namespace"], touched)


CLAIM_LEAKED = fault(
    "claim-outlives-its-machine",
    "the claim of a deleted machine stays, and its address with it",
    "persistence/delete-releases-address",
    message=r"IPAMClaim .*",
    run_options=("--timeout", "object-gone=10", "--timeout", "namespace-gone=5"),
    settle=release_claims,
)


@CLAIM_LEAKED.at("claims.release-on-delete")
def _held(_: bool, **__: object) -> bool:
    return False


ADDRESS_LEAKED = fault(
    "address-never-released",
    "addresses of deleted machines do not go back to the pool",
    "persistence/delete-releases-address",
    message=r"latecomer|filler-\d+",
    run_options=("--timeout", "pod-running=15"),
)


@ADDRESS_LEAKED.at("addresses.release")
def _lost(_: bool, **__: object) -> bool:
    return False
