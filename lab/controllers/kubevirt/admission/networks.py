"""Rules for a VMI's networks and interfaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lab.controllers.kubevirt.admission.causes import DUPLICATE, INVALID, NOT_SUPPORTED, REQUIRED, Cause

Object = dict[str, Any]

_BINDINGS = ("bridge", "masquerade", "sriov", "passtBinding", "binding")
_MODELS = frozenset({"e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio"})
_STATES = frozenset({"", "absent", "up", "down"})
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_MAC = re.compile(
    r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2})+|[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4})+"
)
_MAC_DIGITS = 12
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


def network_causes(path: str, spec: Object) -> list[Cause]:
    """Everything wrong with the networks and interfaces of a VMI's spec, which stands at ``path``."""
    return [
        *_sources(path, spec),
        *_states(path, spec),
        *_bindings(path, spec),
        *_names(path, spec),
        *_fields(path, spec),
    ]


def interfaces_of(spec: Object) -> list[Object]:
    """The interfaces of a VMI's spec."""
    return list(((spec.get("domain") or {}).get("devices") or {}).get("interfaces") or ())


def networks_of(spec: Object) -> list[Object]:
    """The networks of a VMI's spec."""
    return list(spec.get("networks") or ())


def _at(path: str, index: int, field: str = "") -> str:
    return f"{path}.domain.devices.interfaces[{index}]" + (f".{field}" if field else "")


def _sources(path: str, spec: Object) -> Iterator[Cause]:
    networks = networks_of(spec)
    pods = [network for network in networks if "pod" in network]
    defaults = [network for network in networks if (network.get("multus") or {}).get("default")]
    if len(pods) > 1:
        where = f"{path}.interfaces"
        yield Cause(DUPLICATE, f"more than one interface is connected to a pod network in {where}", where)
    if len(defaults) > 1:
        yield Cause(INVALID, "Multus CNI should only have one default network", f"{path}.networks")
    if pods and defaults:
        message = "Pod network cannot be defined when Multus default network is defined"
        yield Cause(INVALID, message, f"{path}.networks")
    for index, network in enumerate(networks):
        where = f"{path}.networks[{index}]"
        kinds = [kind for kind in ("pod", "multus", "resourceClaim") if network.get(kind) is not None]
        if len(kinds) != 1:
            message = "should have only one network type" if kinds else "should have a network type"
            yield Cause(REQUIRED, message, where)
        if "multus" in network and not network["multus"].get("networkName"):
            yield Cause(REQUIRED, "CNI delegating plugin must have a networkName", where)


def _states(path: str, spec: Object) -> Iterator[Cause]:
    default = next(
        (n["name"] for n in networks_of(spec) if "pod" in n or (n.get("multus") or {}).get("default")),
        None,
    )
    for index, interface in enumerate(interfaces_of(spec)):
        name, state = interface.get("name", ""), interface.get("state") or ""
        where = _at(path, index, "state")
        if state not in _STATES:
            yield Cause(INVALID, f"logical {name} interface state value is unsupported: {state}", where)
        if "sriov" in interface and state in ("up", "down"):
            yield Cause(INVALID, f'"{name}" interface\'s state "{state}" is not supported for SR-IOV NICs', where)
        if state == "absent" and "bridge" not in interface:
            yield Cause(INVALID, f'"{name}" interface\'s state "absent" is supported only for bridge binding', where)
        if state == "absent" and name == default:
            yield Cause(INVALID, f'"{name}" interface\'s state "absent" is not supported on default networks', where)


def _bindings(path: str, spec: Object) -> Iterator[Cause]:
    networks = {network["name"]: network for network in networks_of(spec)}
    for index, interface in enumerate(interfaces_of(spec)):
        name = interface.get("name", "")
        if sum(interface.get(binding) is not None for binding in _BINDINGS) != 1:
            message = f"logical {name} interface must have exactly one binding method or binding plugin"
            yield Cause(INVALID, message, _at(path, index))
        if "masquerade" in interface and "pod" not in networks.get(name, {}):
            message = "Masquerade interface only implemented with pod network"
            yield Cause(INVALID, message, _at(path, index, "name"))


def _names(path: str, spec: Object) -> Iterator[Cause]:
    networks, interfaces = networks_of(spec), interfaces_of(spec)
    network_names = [network["name"] for network in networks]
    interface_names = [interface["name"] for interface in interfaces]
    for index, name in enumerate(network_names):
        where = f"{path}.networks[{index}].name"
        if name in network_names[:index]:
            message = f'Network with name "{name}" already exists, every network must have a unique name'
            yield Cause(DUPLICATE, message, where)
        if name not in interface_names:
            yield Cause(REQUIRED, f"{where} '{name}' not found.", where)
    for index, name in enumerate(interface_names):
        where = _at(path, index, "name")
        if name in interface_names[:index]:
            yield Cause(DUPLICATE, "Only one interface can be connected to one specific network", where)
        if name not in network_names:
            yield Cause(INVALID, f"{where} '{name}' not found.", where)


def _fields(path: str, spec: Object) -> Iterator[Cause]:
    networks = {network["name"]: network for network in networks_of(spec)}
    for index, interface in enumerate(interfaces_of(spec)):
        where = _at(path, index, "name")
        if not _NAME.fullmatch(interface["name"]):
            message = (
                "Network interface name can only contain alphabetical characters, numbers, dashes (-) or "
                "underscores (_)"
            )
            yield Cause(INVALID, message, where)
        model = interface.get("model")
        if model and model not in _MODELS:
            message = f"interface {where} uses model {model} that is not supported."
            yield Cause(NOT_SUPPORTED, message, _at(path, index, "model"))
        fault = _mac_fault(interface.get("macAddress") or "")
        if fault:
            message = f"interface {where} has {fault} ({interface['macAddress']})."
            yield Cause(INVALID, message, _at(path, index, "macAddress"))
        if "pod" in networks.get(interface["name"], {}):
            yield from _ports(_at(path, index, "ports"), interface.get("ports") or ())


def _mac_fault(mac: str) -> str:
    if not mac:
        return ""
    digits = len(re.sub(r"[^0-9A-Fa-f]", "", mac))
    if not _MAC.fullmatch(mac) or digits < _MAC_DIGITS:
        return "malformed MAC address"
    return "too long MAC address" if digits > _MAC_DIGITS else ""


def _ports(path: str, ports: list[Object] | tuple[Object, ...]) -> Iterator[Cause]:
    names: list[str] = []
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        name, number = port.get("name"), port.get("port", 0)
        if name:
            if name in names:
                yield Cause(DUPLICATE, f"Duplicate name of the port: {name}", f"{where}.name")
            if not _PORT_NAME.fullmatch(name):
                yield Cause(INVALID, f"Invalid name of the port: {name}", f"{where}.name")
            names.append(name)
        if number == 0:
            yield Cause(REQUIRED, "Port field is mandatory.", f"{where}.port")
        elif not 0 < number < 65536:
            yield Cause(INVALID, "Port field must be in range 0 < x < 65536.", f"{where}.port")
        if port.get("protocol") not in (None, "", "TCP", "UDP"):
            yield Cause(INVALID, "Unknown protocol, only TCP or UDP allowed", f"{where}.protocol")
