"""From a VMI and its pod's sandbox to a machine: NICs, memory, cloud-init disk. Pure but for the secrets' texts."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.controllers.kubevirt.launcher import quantity
from lab.nodes.machines.cloud_init import CloudInit
from lab.nodes.machines.command import MachineSpec, Nic
from lab.nodes.machines.masquerade import DEFAULT_RANGE, DEFAULT_RANGE_IPV6, Masquerade, Port
from lab.nodes.machines.plumbing import Cable
from lab.nodes.sandbox import Interface, Sandbox

Object = dict[str, Any]
Secrets = Mapping[str, Mapping[str, str]]

# MiB. The guest's kernel and programs live in memory; more than the upper bound would only cost time to move.
_LEAST, _MOST = 96, 512
_MOST_PROCESSORS = 2
_CLOUD_INIT = ("cloudInitNoCloud", "cloudInitConfigDrive")
_DISK = "cidata.iso"


class CannotRun(Exception):
    """The VMI asks for something that the lab's nodes do not offer, or that cannot be read."""


@dataclass(frozen=True)
class Attachment:
    """One NIC of a VMI: its name there, and the pod's NIC that it takes the place of."""

    name: str
    mac: str
    interface: Interface
    on_pod_network: bool
    masquerade: Masquerade | None = None
    """How the guest is put behind the pod's NIC; None: it takes the NIC's place."""

    @property
    def cable(self) -> Cable:
        """What joins the two."""
        return Cable(self.interface.name, self.interface.mtu)


def attachments(vmi: Object, sandbox: Sandbox) -> tuple[Attachment, ...]:
    """The VMI's NICs, the pod network's first; :class:`CannotRun` names a binding or network that is not to be had."""
    spec = vmi["spec"]
    networks = {network["name"]: network for network in spec.get("networks") or ()}
    found = []
    for interface in (spec["domain"].get("devices") or {}).get("interfaces") or ():
        if interface.get("state") == "absent":
            continue
        name = interface["name"]
        for binding in ("passtBinding", "sriov"):
            if binding in interface:
                known = "l2bridge, bridge or masquerade"
                raise CannotRun(f"interface {name}: the lab has no binding {binding}; use {known}")
        network = networks.get(name)
        if network is None:
            raise CannotRun(f"interface {name} has no network of that name")
        nic = _pod_interface(name, network, sandbox)
        mac = str(interface.get("macAddress") or _mac_so_far(vmi, interface) or nic.mac).lower().replace("-", ":")
        attachment = Attachment(name, mac, nic, "pod" in network)
        if "masquerade" in interface:
            attachment = replace(attachment, masquerade=_masquerade(vmi, attachment, interface, network))
        found.append(attachment)
    return tuple(sorted(found, key=lambda attachment: not attachment.on_pod_network))


def machine(vmi: Object, nics: tuple[Attachment, ...], folder: Path, has_disk: bool) -> MachineSpec:
    """The machine that the VMI describes."""
    metadata, spec = vmi["metadata"], vmi["spec"]
    domain = spec["domain"]
    return MachineSpec(
        name=f"{metadata['namespace']}_{metadata['name']}",
        uuid=str((domain.get("firmware") or {}).get("uuid") or metadata["uid"]),
        memory=memory(domain),
        processors=_processors(domain),
        nics=tuple(Nic(nic.cable.tap, nic.mac, nic.interface.mtu) for nic in nics),
        disk=folder / _DISK if has_disk else None,
        paused=spec.get("startStrategy") == "Paused",
    )


def memory(domain: Object) -> int:
    """MiB that the guest gets: what is asked for, between the least that boots and the most that is of use."""
    asked = (domain.get("memory") or {}).get("guest")
    return min(_MOST, max(_LEAST, quantity(asked) // 2**20)) if asked else _LEAST


def cloud_init(vmi: Object, secrets: Secrets) -> CloudInit | None:
    """What the VMI's cloud-init volume tells the guest, None without one. ``secrets``: see :func:`secret_names`."""
    source = _cloud_init_source(vmi)
    if source is None:
        return None
    metadata = vmi["metadata"]
    return CloudInit(
        instance_id=f"{metadata['name']}.{metadata['namespace']}",
        hostname=vmi["spec"].get("hostname") or metadata["name"],
        user_data=_text(source, "userData", "secretRef", ("userdata", "userData"), secrets),
        network_config=_text(source, "networkData", "networkDataSecretRef", ("networkdata", "networkData"), secrets),
    )


def secret_names(vmi: Object) -> list[str]:
    """Names of the secrets that the cloud-init volume refers to."""
    source = _cloud_init_source(vmi) or {}
    references = (source.get(field) for field in ("secretRef", "networkDataSecretRef"))
    return [str(reference["name"]) for reference in references if reference]


def _cloud_init_source(vmi: Object) -> Object | None:
    for volume in vmi["spec"].get("volumes") or ():
        for kind in _CLOUD_INIT:
            if kind in volume:
                return dict(volume[kind] or {})
    return None


def _text(source: Object, field: str, reference: str, keys: tuple[str, ...], secrets: Secrets) -> str:
    try:
        if source.get(field):
            return str(source[field])
        if source.get(f"{field}Base64"):
            return base64.b64decode(source[f"{field}Base64"]).decode()
        if source.get(reference):
            data = secrets[source[reference]["name"]]
            return next((base64.b64decode(data[key]).decode() for key in keys if key in data), "")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise CannotRun(f"cloud-init {field} cannot be decoded: {error}") from error
    return ""


def _pod_interface(name: str, network: Object, sandbox: Sandbox) -> Interface:
    multus = network.get("multus") or {}
    if "pod" in network or multus.get("default"):
        return sandbox.primary
    # KubeVirt asks Multus for this name.
    wanted = "pod" + hashlib.sha256(name.encode()).hexdigest()[:11]
    key = str(multus.get("networkName", ""))
    key = key if "/" in key else f"{sandbox.pod['metadata']['namespace']}/{key}"
    for interface in sandbox.interfaces:
        if interface.name == wanted or (interface.network == key and interface.role != "primary"):
            return interface
    raise CannotRun(f"network {name}: the pod has no interface on {key}")


def _mac_so_far(vmi: Object, interface: Object) -> str | None:
    """The MAC of a guest behind its pod's NIC stays when the guest moves to a pod whose NIC has another."""
    if "masquerade" not in interface:
        return None
    known = (vmi.get("status") or {}).get("interfaces") or ()
    return next((entry.get("mac") for entry in known if entry["name"] == interface["name"]), None)


def _masquerade(vmi: Object, attachment: Attachment, interface: Object, network: Object) -> Masquerade:
    ports = tuple(
        Port((port.get("protocol") or "TCP").lower(), int(port["port"])) for port in interface.get("ports") or ()
    )
    pod = network.get("pod") or {}
    dual = any(":" in address for address in attachment.interface.ips)
    return Masquerade(
        attachment.cable,
        attachment.mac,
        vmi["spec"].get("hostname") or vmi["metadata"]["name"],
        ports,
        pod.get("vmNetworkCIDR") or DEFAULT_RANGE,
        (pod.get("vmIPv6NetworkCIDR") or DEFAULT_RANGE_IPV6) if dual else None,
    )


def _processors(domain: Object) -> int:
    cpu = domain.get("cpu") or {}
    asked = int(cpu.get("cores") or 1) * int(cpu.get("sockets") or 1) * int(cpu.get("threads") or 1)
    return min(_MOST_PROCESSORS, asked)
