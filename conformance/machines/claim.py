"""The IPAMClaim by which a VM holds its addresses.

Source: the k8s.cni.cncf.io IPAMClaim API and KubeVirt's ipam-extensions, which makes one claim for each VM and
network with persistent addresses.
"""

from __future__ import annotations

from dataclasses import dataclass

from conformance.evidence import step
from conformance.kube.api import Api, Object
from conformance.kube.resources import IPAM_CLAIMS
from conformance.kube.waits import wait_gone

VM_LABEL = "kubevirt.io/vm"


@dataclass(frozen=True)
class Claim:
    """A claim as it was when it was read; two readings compare equal when nothing changed."""

    namespace: str
    name: str
    uid: str
    network: str
    addresses: tuple[str, ...]
    owner: str

    def __str__(self) -> str:
        return f"IPAMClaim {self.namespace}/{self.name} {list(self.addresses)}"


def claims_of(api: Api, namespace: str, machine: str) -> list[Claim]:
    """The claims of a VM; one for each of its networks with persistent addresses."""
    claims = api.list(IPAM_CLAIMS, namespace)
    return [_claim(claim) for claim in claims if _belongs(claim, machine)]


def wait_released(api: Api, claim: Claim) -> None:
    """Until the claim is gone."""
    with step(f"wait until {claim} is released"):
        wait_gone(api, IPAM_CLAIMS, claim.name, claim.namespace, uid=claim.uid)


def _belongs(claim: Object, machine: str) -> bool:
    metadata = claim["metadata"]
    owners = [owner["name"] for owner in metadata.get("ownerReferences") or []]
    return machine in owners or (metadata.get("labels") or {}).get(VM_LABEL) == machine


def _claim(claim: Object) -> Claim:
    metadata = claim["metadata"]
    owners = metadata.get("ownerReferences") or [{}]
    return Claim(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        network=str(claim["spec"].get("network", "")),
        addresses=tuple(cidr.partition("/")[0] for cidr in (claim.get("status") or {}).get("ips") or []),
        owner=str(owners[0].get("uid", "")),
    )
