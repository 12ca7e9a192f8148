"""A baseline beside what is there now: what the suite's tests and the watcher ask."""

from __future__ import annotations

from functools import cached_property, partial

from conformance.cluster import Cluster
from conformance.evidence import note
from conformance.machines.access import Access
from conformance.machines.vm import VirtualMachine
from conformance.side_by_side import side_by_side
from conformance.traffic import Cell, Way
from conformance.upgrade.baseline import Baseline, Machine
from conformance.upgrade.names import run_id
from conformance.upgrade.sessions import Side, sides
from conformance.upgrade.store import Store


class After:
    """The VMs of a baseline as they are now; nothing of them is cached."""

    def __init__(self, baseline: Baseline, access: Access) -> None:
        self.baseline = baseline
        self.machines = {
            str(machine): VirtualMachine(access, machine.namespace, machine.name) for machine in baseline.machines
        }

    @classmethod
    def of(cls, cluster: Cluster, name: str | None) -> After:
        """The baseline of that name, or the only one; raises ``NoBaseline``, ``BadBaseline`` or an error of the API."""
        store = Store(cluster.api)
        baseline = store.only(name)
        login = store.login(baseline.name)
        return cls(baseline, Access(cluster.api, cluster.access.virtctl, login, run_id(baseline.name)))

    def wait_ready(self) -> None:
        """Until every VM runs and has answered a login; raises ``TimedOut``."""
        side_by_side([machine.wait_ready for machine in self.machines.values()])

    def changes(self) -> list[str]:
        """A line for each VM whose addresses, MAC or gateways are not what they were."""
        found = side_by_side([partial(self._change, machine) for machine in self.baseline.machines])
        return [line for line in found if line]

    def paths(self, reached: bool) -> list[Cell]:
        """The paths of the baseline that were open, or those that were shut; each is to be as it was."""
        return [
            Cell(self.machines[path.client], self.machines[path.server], Way(path.protocol, path.port), path.reached)
            for path in self.baseline.paths
            if path.reached is reached
        ]

    @cached_property
    def sides(self) -> list[Side]:
        """Both ends of each session."""
        return list(sides(self.baseline.sessions, self.machines, self.baseline.token))

    def boots(self) -> list[str]:
        """A line for each guest that was booted again: what it wrote down before is lost."""
        found = side_by_side([partial(self._boot, machine) for machine in self.baseline.machines])
        return [line for line in found if line]

    def close(self) -> None:
        """Leave the consoles."""
        for machine in self.machines.values():
            machine.close()

    def _change(self, then: Machine) -> str:
        machine = self.machines[str(then)]
        now, gateways, node = machine.identity(), machine.guest.gateways(), machine.node
        if node != then.node:
            note(f"{then} was on {then.node}, is on {node}")
        if now != then.identity:
            return f"{then}: was {then.identity}, is {now}"
        if gateways != then.gateways:
            return f"{then}: gateways were {', '.join(then.gateways)}, are {', '.join(gateways) or 'none'}"
        return ""

    def _boot(self, then: Machine) -> str:
        now = self.machines[str(then)].guest.boot_id()
        return "" if now == then.boot else f"{then} was booted again: its sessions ended with it"
