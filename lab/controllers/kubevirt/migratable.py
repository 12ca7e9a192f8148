"""Whether a VMI can be migrated live, judged by how it is connected to the pod network.

Source: KubeVirt's rules for the LiveMigratable condition (order and wording as users see them).
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

NOT_MIGRATABLE = "InterfaceNotLiveMigratable"
ALLOW_BRIDGE_ANNOTATION = "kubevirt.io/allow-pod-bridge-network-live-migration"
_MESSAGE = "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network"


def obstacle(vmi: Object, plugins: Object) -> tuple[str, str] | None:
    """(reason, message) of why the VMI cannot migrate, or None; ``plugins`` are the registered bindings."""
    pod_networks = {network["name"] for network in vmi["spec"].get("networks") or () if "pod" in network}
    interfaces = (vmi["spec"]["domain"].get("devices") or {}).get("interfaces") or ()
    on_pod_network = [interface for interface in interfaces if interface["name"] in pod_networks]
    if all(_can_move(vmi, interface, plugins) for interface in on_pod_network):
        return None
    return NOT_MIGRATABLE, _MESSAGE


def unregistered_plugin(vmi: Object, plugins: Object) -> str | None:
    """The name of a binding plugin that the VMI asks for and nobody registered."""
    for interface in (vmi["spec"]["domain"].get("devices") or {}).get("interfaces") or ():
        name = (interface.get("binding") or {}).get("name")
        if name and name not in plugins:
            return str(name)
    return None


def _can_move(vmi: Object, interface: Object, plugins: Object) -> bool:
    if "masquerade" in interface or "passtBinding" in interface:
        return True
    if "bridge" in interface:
        return ALLOW_BRIDGE_ANNOTATION in (vmi["metadata"].get("annotations") or {})
    plugin = plugins.get(str((interface.get("binding") or {}).get("name"))) or {}
    return plugin.get("migration") is not None
