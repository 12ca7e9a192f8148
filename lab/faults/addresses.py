"""Faults of addresses: what a machine is told of them, and by which NIC it gets them."""

from __future__ import annotations

import copy
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from lab.faults.registry import fault

if TYPE_CHECKING:
    from lab.nodes.sandbox import Sandbox
    from lab.nodes.virt_handler.describe import Attachment

Object = dict[str, Any]
Nics = tuple["Attachment", ...]

SHORT_WAIT = ("--timeout", "guest-address=5")

OTHER_ADDRESS = fault(
    "vmi-reports-other-address",
    "the VMI's status has another address than the guest",
    "primary-l2/address-from-subnet",
    message=r"guest has \['10\.\S+'\], VMI says 10\.\S+",
)


@OTHER_ADDRESS.at("api.VirtualMachineInstance")
def _report_another(vmi: Object, **_: object) -> Object:
    vmi = copy.deepcopy(vmi)
    for interface in (vmi.get("status") or {}).get("interfaces") or ():
        if "ipAddress" in interface:
            interface["ipAddress"] = str(ip_network(f"{interface['ipAddress']}/24", strict=False)[250])
            interface["ipAddresses"] = [interface["ipAddress"]]
    return vmi


ONE_MAC = fault(
    "one-mac-for-all",
    "all workloads get one MAC",
    "primary-l2/address-from-subnet",
    message=r"two VMs have one MAC",
)


@ONE_MAC.at("mac.of")
def _always_the_same(_: str, **__: object) -> str:
    return "0a:58:00:00:00:01"


WRONG_ROUTER = fault(
    "dhcp-wrong-router",
    "DHCP names a router that there is not",
    "primary-l2/address-by-dhcp",
    message=r"routers .*\.253.*, expected .*\.1\b",
)


@WRONG_ROUTER.at("nb.DHCP_Options")
def _another_router(columns: Object, **_: object) -> Object:
    subnet = ip_network(columns["cidr"])
    return {**columns, "options": {**columns["options"], "router": str(subnet[-3])}}


NO_DNS = fault(
    "dhcp-without-dns",
    "DHCP names no name server",
    "primary-l2/address-by-dhcp",
    message=r"DNS .*, not 10\.96\.0\.10",
)


@NO_DNS.at("nb.DHCP_Options")
def _without_dns(columns: Object, **_: object) -> Object:
    return {**columns, "options": {key: value for key, value in columns["options"].items() if key != "dns_server"}}


WRONG_MTU = fault(
    "dhcp-wrong-mtu",
    "DHCP names another MTU than the network's",
    "primary-l2/address-by-dhcp",
    "primary-l2/mtu",
    message=r"MTU 1300, (not|the network's is) 1400",
)


@WRONG_MTU.at("nb.DHCP_Options")
def _another_mtu(columns: Object, **_: object) -> Object:
    return {**columns, "options": {**columns["options"], "mtu": "1300"}}


POD_NETWORK_LEFT = fault(
    "pod-network-left-in",
    "the guest has a second NIC, on the cluster's default network",
    "primary-l2/replaces-pod-network",
    message=r"has NICs .*, expected only the network's",
)


@POD_NETWORK_LEFT.at("machine.nics")
def _also_the_default_one(nics: Nics, sandbox: Sandbox, **_: object) -> Nics:
    default = sandbox.interfaces[0]
    return (*nics, replace(nics[0], name="left-in", mac=default.mac, interface=default, on_pod_network=False))


WRONG_NETWORK = fault(
    "attached-to-default-network",
    "the machine's NIC is on the cluster's default network",
    "primary-l2/default-binding-l2bridge",
    message=r"is attached to pod NIC eth0, the network is on ovn-udn1",
    run_options=SHORT_WAIT,
)


@WRONG_NETWORK.at("machine.nics")
def _the_default_one_instead(nics: Nics, sandbox: Sandbox, **_: object) -> Nics:
    default = sandbox.interfaces[0]
    return (replace(nics[0], mac=default.mac, interface=default), *nics[1:])


OTHER_BINDING = fault(
    "binding-replaced",
    "the machine's interface gets another binding than the one asked for",
    "primary-l2/default-binding-l2bridge",
    message=r"\S+: its interface has binding None, not l2bridge",
)


@OTHER_BINDING.at("vm.instance")
def _bridge(vmi: Object, **_: object) -> Object:
    vmi = copy.deepcopy(vmi)
    for interface in vmi["spec"]["domain"]["devices"]["interfaces"]:
        interface.pop("binding", None)
        interface["bridge"] = {}
    return vmi


NOT_AS_ASKED = fault(
    "requested-address-ignored",
    "machines that ask for an address get the next one that is free",
    "primary-l2/static-address",
    message=r"\S+ asked for 10\.\S+, is VMI 10\.",
)
MAC_TWICE = fault(
    "requested-mac-given-twice",
    "machines that ask for one MAC all get it",
    "primary-l2/static-address",
    message=r"\S+/same-mac starts, though",
)


@NOT_AS_ASKED.at("addresses.honour-request")
def _ignored(_: bool, **__: object) -> bool:
    return False


@MAC_TWICE.at("mac.unique")
def _twice(_: bool, **__: object) -> bool:
    return False
