"""What the virt-handler writes into a VMI: pure functions from a VMI to the VMI as it should be."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from ipaddress import ip_interface
from typing import Any

from lab.controllers.kubevirt import conditions, phases
from lab.nodes.virt_handler.describe import Attachment

Object = dict[str, Any]


def running(vmi: Object, nics: Iterable[Attachment], paused: bool) -> Object:
    """The guest runs."""
    vmi = with_interfaces(vmi, nics)
    status = vmi["status"]
    phases.enter(status, "Running")
    status.setdefault("machine", {"type": "q35"})
    _set_paused(status, paused)
    return vmi


def ended(vmi: Object, clean: bool, why: str) -> Object:
    """The guest is no more."""
    vmi = copy.deepcopy(vmi)
    status = vmi["status"]
    phases.enter(status, "Succeeded" if clean else "Failed")
    if not clean:
        status["reason"] = why
    _set_paused(status, False)
    return vmi


def with_interfaces(vmi: Object, nics: Iterable[Attachment]) -> Object:
    """The VMI with its NICs as they are in this pod."""
    vmi = copy.deepcopy(vmi)
    vmi["status"]["interfaces"] = [_interface(number, nic) for number, nic in enumerate(nics)]
    return vmi


def with_pause(vmi: Object, paused: bool) -> Object:
    """The VMI, paused or not."""
    vmi = copy.deepcopy(vmi)
    _set_paused(vmi["status"], paused)
    return vmi


def with_migration(vmi: Object, uid: str, **facts: object) -> Object | None:
    """The VMI with more facts about the migration ``uid``; None if it is not in that one, or it is over."""
    state = migration_state(vmi, uid)
    if not state or phases.ended(state) or phases.is_final(vmi):
        return None
    return {**vmi, "status": {**vmi["status"], "migrationState": {**state, **facts}}}


def migration_state(vmi: Object | None, uid: str) -> Object:
    """The VMI's ``migrationState`` if it is that of the migration ``uid``, else an empty dict."""
    state: Object = ((vmi or {}).get("status") or {}).get("migrationState") or {}
    return state if state.get("migrationUid") == uid else {}


def _interface(number: int, nic: Attachment) -> Object:
    addresses = [str(ip_interface(ip).ip) for ip in nic.interface.ips]
    entry: Object = {
        "name": nic.name,
        "mac": nic.mac,
        "podInterfaceName": nic.interface.name,
        "interfaceName": f"eth{number}",
        "infoSource": "domain" if nic.on_pod_network else "domain, multus-status",
        "queueCount": 1,
        "linkState": "up",
    }
    return {"ipAddress": addresses[0], "ipAddresses": addresses, **entry} if addresses else entry


def _set_paused(status: Object, paused: bool) -> None:
    if paused:
        conditions.put(status, "Paused", "True", "PausedByUser", "VMI was paused by user")
    else:
        conditions.drop(status, "Paused")
