"""Makes what is there to be looked at after an upgrade: VMs on networks of both kinds, their record, their sessions."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from conformance.features.model import FeatureSet
from conformance.kube.waits import Deadline, TimedOut
from conformance.machines.access import Access
from conformance.machines.vm import VirtualMachine
from conformance.side_by_side import side_by_side
from conformance.tenancy import Group, SubnetPool, Tenants, all_ready
from conformance.tenancy.tenants import Images
from conformance.traffic import EVERY_WAY, Cell, cells, matrix
from conformance.upgrade.baseline import Baseline, Machine, Path, Session
from conformance.upgrade.names import namespace
from conformance.upgrade.sessions import FIRST_LINES, Side, sides

NEEDS = ("kubevirt", "virtctl", "udn", "interface-binding", "ipam-claims")
LAST_SLICE = 15  # of the pool of subnets: runs begin with the first
FIRST_PORT = 5301
Tell = Callable[[str], None]


class Preparation:
    """The making of one baseline."""

    def __init__(self, name: str, access: Access, images: Images, features: FeatureSet, tell: Tell) -> None:
        self._name = name
        self._tenants = Tenants(access, images, SubnetPool(worker=LAST_SLICE), namespace(name))
        self._features = features
        self._tell = tell
        self._timeouts = access.timeouts

    def make(self, versions: Mapping[str, str]) -> Baseline:
        """All of it; raises what goes wrong, ``AssertionError`` for a cluster that is not sound before its upgrade."""
        networks = self._networks()
        machines = [machine for group in networks for machine in group]
        self._tell(f"made {len(networks)} networks with {len(machines)} VMs; waiting until they run")
        all_ready(*networks)
        sessions = self._sessions(networks)
        self._tell("trying who reaches whom")
        paths = self._paths(networks)
        token = f"udnc{secrets.token_hex(3)}"
        self._hold(sessions, {str(machine): machine for machine in machines}, token)
        self._tell(f"{len(sessions)} sessions are held")
        return Baseline(
            name=self._name,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            token=token,
            versions=dict(versions),
            machines=tuple(side_by_side([partial(_described, machine) for machine in machines])),
            paths=tuple(_path(cell) for cell in paths),
            sessions=tuple(sessions),
        )

    def remove(self) -> None:
        """Take away the VMs and networks that were made."""
        self._tenants.remove()

    def _networks(self) -> list[Group]:
        """Three VMs on a network of one namespace, and one in each of two namespaces on a network of the cluster."""
        made = [self._tenants.primary_layer2("one").trio()]
        if self._features.has("cudn"):
            members = self._tenants.sharing("east", "west")
            made.append(Group(members[0], [member.machine("vm") for member in members]))
        return made

    def _sessions(self, networks: list[Group]) -> list[Session]:
        several = self._features.has("two-schedulable-nodes")
        pairs = [("together", networks[0].on_same_node(), "on one node")]
        if several:
            pairs = [("apart", networks[0].on_different_nodes(), "on different nodes"), *pairs]
        for group in networks[1:]:
            pair = group.on_different_nodes() if several else group.on_same_node()
            where = f"of two namespaces, on {'different nodes' if several else 'one node'}"
            pairs.append(("namespaces", pair, where))
        return [
            Session(name, str(client), str(server), FIRST_PORT + number, where)
            for number, (name, (client, server), where) in enumerate(pairs)
        ]

    def _paths(self, networks: list[Group]) -> list[Cell]:
        """Everyone to everyone by every way: open within a network, shut between two; looked at, and so found."""
        network_of = {id(machine): number for number, group in enumerate(networks) for machine in group}
        machines = [machine for group in networks for machine in group]
        expected = cells(
            machines, machines, EVERY_WAY, lambda client, server, _: network_of[id(client)] == network_of[id(server)]
        )
        with matrix(machines) as made:
            made.check(expected, "before the upgrade")
        return expected

    def _hold(self, sessions: list[Session], machines: dict[str, VirtualMachine], token: str) -> None:
        ends = list(sides(sessions, machines, token))
        for end in ends:
            end.begin()
        deadline = Deadline(self._timeouts["stream-start"])
        for end in ends:
            _wait_flowing(end, deadline)


def _wait_flowing(end: Side, deadline: Deadline) -> None:
    while end.look().count < FIRST_LINES:
        if deadline.passed:
            raise TimedOut(f"session {end}: {end.record.count} lines came from {end.peer} in {deadline.seconds:g} s")
        threading.Event().wait(min(0.5, deadline.left))


def _described(machine: VirtualMachine) -> Machine:
    guest = machine.guest
    return Machine(machine.namespace, machine.name, machine.identity(), guest.gateways(), machine.node, guest.boot_id())


def _path(cell: Cell) -> Path:
    return Path(str(cell.client), str(cell.server), cell.way.protocol, cell.way.port, cell.allowed)
