"""What the cluster says of a virtual machine: its objects, its pod, its addresses and their claims."""

from __future__ import annotations

from typing import Any

from conformance.kube.api import Api, Object
from conformance.kube.describe import summary
from conformance.kube.resources import PODS, VMIS, VMS
from conformance.machines.claim import Claim, claims_of
from conformance.machines.pod import Pod


class ReportedMachine:
    """One VM as the API tells of it; nothing is cached, each answer is read anew."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def vm(self) -> Object:
        """The VirtualMachine object as it is now."""
        return self.api.get(VMS, self.name, self.namespace)

    def vmi(self) -> Object:
        """The VirtualMachineInstance as it is now; ``NotFound`` while the VM is stopped."""
        return self.api.get(VMIS, self.name, self.namespace)

    @property
    def uid(self) -> str:
        """UID of the VirtualMachine object."""
        return str(self.vm()["metadata"]["uid"])

    @property
    def node(self) -> str:
        """Name of the node that it runs on."""
        return str(self.vmi()["status"].get("nodeName", ""))

    @property
    def interfaces(self) -> list[dict[str, Any]]:
        """``status.interfaces`` of the VMI; the pod network's comes first."""
        entries: list[dict[str, Any]] = self.vmi().get("status", {}).get("interfaces") or []
        return entries

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses of the first interface, by the VMI's status."""
        return addresses_of(self._first_interface())

    @property
    def address(self) -> str:
        """First address of the first interface, by the VMI's status."""
        addresses = self.addresses
        if not addresses:
            raise AssertionError(f"VMI {self} reports no address: {summary(self.vmi())}")
        return addresses[0]

    @property
    def mac(self) -> str:
        """MAC of the first interface, by the VMI's status."""
        return str(self._first_interface().get("mac", "")).lower()

    @property
    def migration_uid(self) -> str:
        """UID of the last migration of the running VMI; empty when there was none."""
        state = self.vmi().get("status", {}).get("migrationState") or {}
        return str(state.get("migrationUid", ""))

    @property
    def pod(self) -> Pod:
        """The virt-launcher pod in which it runs now."""
        vmi = self.vmi()
        node, active = vmi["status"].get("nodeName"), vmi["status"].get("activePods") or {}
        pods = self.api.list(PODS, self.namespace, labels=f"kubevirt.io/created-by={vmi['metadata']['uid']}")
        for pod in pods:
            # While it migrates there are two; the one on the VMI's node holds the guest.
            if pod["spec"].get("nodeName") == node and pod["metadata"]["uid"] in (active or {pod["metadata"]["uid"]}):
                return Pod(self.api, self.namespace, pod["metadata"]["name"])
        names = [pod["metadata"]["name"] for pod in pods]
        raise AssertionError(f"VMI {self} on {node}: none of its pods {names} is the active one {active}")

    def claims(self) -> list[Claim]:
        """Its address claims, one for each network with persistent addresses."""
        return claims_of(self.api, self.namespace, self.name)

    def claim(self) -> Claim:
        """Its address claim; ``AssertionError`` unless there is exactly one."""
        claims = self.claims()
        assert len(claims) == 1, f"{self} has {len(claims)} address claims, expected one: {claims}"
        return claims[0]

    def _first_interface(self) -> dict[str, Any]:
        return next(iter(self.interfaces), {})


def phase_of(vmi: Object) -> str:
    """``status.phase`` of a VMI; empty while there is none."""
    return str(vmi.get("status", {}).get("phase", ""))


def addresses_of(interface: dict[str, Any]) -> tuple[str, ...]:
    """Addresses of an entry of ``status.interfaces``; none while it has none."""
    one = interface.get("ipAddress")
    return tuple(interface.get("ipAddresses") or ([one] if one else []))
