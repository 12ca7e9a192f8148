"""Several VMs of one tenant, asked for by where they run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from conformance.machines.vm import VirtualMachine
from conformance.side_by_side import side_by_side

if TYPE_CHECKING:
    from conformance.tenancy.tenant import Tenant

Pair = tuple[VirtualMachine, VirtualMachine]


class Group:
    """VMs of one tenant."""

    def __init__(self, tenant: Tenant, machines: list[VirtualMachine]) -> None:
        self.tenant = tenant
        self.machines = machines

    def __iter__(self) -> Iterator[VirtualMachine]:
        return iter(self.machines)

    def __len__(self) -> int:
        return len(self.machines)

    def ready(self) -> Group:
        """The same group, once every VM runs and has answered a login."""
        all_ready(self)
        return self

    def any(self) -> VirtualMachine:
        """One VM, no matter which."""
        return self.machines[0]

    def on_different_nodes(self) -> Pair:
        """Two VMs that run on different nodes now; one is migrated if need be."""
        return self._placed(apart=True)

    def on_same_node(self) -> Pair:
        """Two VMs that run on one node now; one is migrated if need be."""
        return self._placed(apart=False)

    def neighbour_of(self, machine: VirtualMachine) -> VirtualMachine:
        """Another VM of the group."""
        return next(other for other in self.machines if other is not machine)

    def one_on_each_node(self) -> list[VirtualMachine]:
        """One VM for each node that the group runs on now."""
        return list({machine.node: machine for machine in self.machines}.values())

    def _placed(self, apart: bool) -> Pair:
        nodes = {machine: machine.node for machine in self.machines}
        for one, other in combinations(self.machines, 2):
            if (nodes[one] != nodes[other]) is apart:
                return one, other
        one, other = self.machines[:2]
        other.migrate(to=None if apart else nodes[one])
        return one, other


def all_ready(*groups: Group) -> None:
    """Until every VM of the groups is ready, side by side: as long as the slowest takes, not as all together.

    Raises what the first VM that does not get ready raises.
    """
    side_by_side([machine.wait_ready for group in groups for machine in group])
