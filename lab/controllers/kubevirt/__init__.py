"""KubeVirt as far as the lab needs it: VM, VMI and migration controllers, admission, and the virt-api server."""

from __future__ import annotations

from collections.abc import Sequence

from lab.controllers.kubevirt.migration import Migrations
from lab.controllers.kubevirt.virtapi import VirtApi
from lab.controllers.kubevirt.vm import VirtualMachines
from lab.controllers.kubevirt.vmi import Instances
from lab.controllers.runtime import Context, Controller

__all__ = ["VirtApi", "build"]


async def build(context: Context) -> Sequence[Controller]:
    """Start virt-api, and give the controllers of this room."""
    config = context.config
    inside = next((node.name for node in config.nodes if node.control_plane), None)
    netns = config.netns(inside) if inside else None
    api = VirtApi(context.client, config.state / "pki", context.faults, netns)
    await api.start()
    context.closers.append(api.stop)
    given = (context.client, context.informers, context.faults)
    rooms = (VirtualMachines(*given), Instances(*given), Migrations(*given))
    return [room.controller() for room in rooms]
