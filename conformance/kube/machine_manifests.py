"""The manifest of a virtual machine, as pure functions.

Networks are given as ``Nic``s. On a primary user-defined network the NIC is ``pod: {}`` with binding ``l2bridge``,
a plugin that OVN-Kubernetes registers; ``bridge``, ``masquerade`` and ``passt`` are KubeVirt's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.kube.api import RUN_LABEL, Object
from conformance.kube.manifests import GROUP_LABEL, apart, labelled, on_node
from conformance.kube.resources import VMS

ADDRESSES_ANNOTATION = "network.kubevirt.io/addresses"
CORE_BINDINGS = {
    "bridge": "bridge",
    "masquerade": "masquerade",
    "passt": "passtBinding",
    "sriov": "sriov",
}

BOTH_FAMILIES = """version: 2
ethernets:
  eth0:
    dhcp4: true
    dhcp6: true
    ipv6-address-generation: eui64
"""
"""cloud-init's network data by which a guest asks DHCP of both families.

The link's own address must be the one that the MAC gives: OVN lets no other through.
"""


@dataclass(frozen=True)
class Nic:
    """One network interface: on the pod network, or on the attachment ``nad`` (``name`` or ``namespace/name``)."""

    name: str = "default"
    binding: str = "l2bridge"
    nad: str | None = None
    mac: str | None = None
    addresses: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    plugin: bool = False
    """The binding is a registered plugin's, also where KubeVirt has one of that name itself."""

    def interface(self) -> Object:
        """The entry of ``domain.devices.interfaces``."""
        core = None if self.plugin else CORE_BINDINGS.get(self.binding)
        entry: Object = {"name": self.name, **({core: {}} if core else {"binding": {"name": self.binding}})}
        if self.mac:
            entry["macAddress"] = self.mac
        if self.ports:
            entry["ports"] = [{"port": port} for port in self.ports]
        return entry

    def network(self) -> Object:
        """The entry of ``networks``."""
        if self.nad:
            return {"name": self.name, "multus": {"networkName": self.nad}}
        return {"name": self.name, "pod": {}}


def virtual_machine(
    name: str,
    namespace: str,
    run_id: str,
    image: str,
    user: str,
    password: str | None,
    binding: str = "l2bridge",
    node: str | None = None,
    nics: Sequence[Nic] | None = None,
    apart_from: str | None = None,
    memory: str = "256Mi",
    labels: Mapping[str, str] | None = None,
    network_data: str | None = None,
    grace: int = 5,
    authorized_key: str | None = None,
    probes: Mapping[str, Object] | None = None,
) -> Object:
    """A VM that runs from a container disk and lets ``user`` log in on its serial console, and by ``authorized_key``.

    ``node`` ties it to a node by host name, ``apart_from`` names a group whose members go to different nodes;
    ``probes`` are its ``readinessProbe`` and ``livenessProbe``. The user data is in the manifest in clear: register
    ``password`` for redaction before the manifest is recorded.
    """
    nics = [Nic(binding=binding)] if nics is None else list(nics)
    own = {RUN_LABEL: run_id, **({GROUP_LABEL: apart_from} if apart_from else {})}
    addresses = {nic.name: list(nic.addresses) for nic in nics if nic.addresses}
    metadata: dict[str, Any] = {"labels": {**(labels or {}), **own}}
    if addresses:
        metadata["annotations"] = {ADDRESSES_ANNOTATION: json.dumps(addresses)}
    devices = {
        "disks": [{"name": disk, "disk": {"bus": "virtio"}} for disk in ("root", "cloud-init")],
        "interfaces": [nic.interface() for nic in nics],
        "rng": {},
    }
    cloud_init = {
        "userData": user_data(user, password, authorized_key),
        **({"networkData": network_data} if network_data else {}),
    }
    template = {
        "domain": {"memory": {"guest": memory}, "devices": devices},
        "networks": [nic.network() for nic in nics],
        "volumes": [
            {"name": "root", "containerDisk": {"image": image}},
            {"name": "cloud-init", "cloudInitNoCloud": cloud_init},
        ],
        "terminationGracePeriodSeconds": grace,
        **(probes or {}),
        **on_node(node),
        **(apart(apart_from) if apart_from else {}),
    }
    obj = labelled(VMS, name, run_id, namespace, labels)
    obj["spec"] = {"runStrategy": "Always", "template": {"metadata": metadata, "spec": template}}
    return obj


def asking(port: int, period: int = 5) -> dict[str, Object]:
    """Probes of both kinds that ask a TCP port; the one of liveness ends nothing, its failures show as events.

    A kubelet tells of 25 events of a pod, then of one in five minutes: hence no shorter ``period``, in seconds.
    """
    probe = {"tcpSocket": {"port": port}, "periodSeconds": period, "timeoutSeconds": period}
    return {"readinessProbe": dict(probe), "livenessProbe": {**probe, "failureThreshold": 1000}}


def user_data(user: str, password: str | None, authorized_key: str | None = None) -> str:
    """cloud-config that sets the password, allows it on the console and over SSH, and lets a public key in.

    Never empty: without user data, cloud-init in KubeVirt's Alpine image searches for minutes.
    """
    config: dict[str, Any] = {"user": user, "ssh_pwauth": password is not None}
    if password is not None:
        config |= {"password": password, "chpasswd": {"expire": False}}
    if authorized_key is not None:
        config["ssh_authorized_keys"] = [authorized_key]
    # JSON is YAML: values are quoted, whatever a password holds.
    return "#cloud-config\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in config.items())
