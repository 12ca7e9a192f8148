"""KubeVirt as far as the lab needs it: VM, VMI and migration controllers, admission, and the virt-api server."""

from __future__ import annotations

from collections.abc import Sequence

from lab.controllers.kubevirt.migration import Migrations
from lab.controllers.kubevirt.vm import VirtualMachines
from lab.controllers.kubevirt.vmi import Instances
from lab.controllers.runtime import Context, Controller


async def build(context: Context) -> Sequence[Controller]:
    """The controllers of this room."""
    given = (context.client, context.informers, context.faults)
    rooms = (VirtualMachines(*given), Instances(*given), Migrations(*given))
    return [room.controller() for room in rooms]
