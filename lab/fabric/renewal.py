"""Restarts the switch and the controller of one node, as an upgrade of OVN-Kubernetes does.

The other nodes go on. Packets of this node's workloads are lost from the end of its switch until its controller has
written the flows anew: this switch forwards in user space, so nothing of it forwards while it is away. Its own
interfaces go with it and get their addresses again; those of pods stay.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab.config import LabConfig, Node
from lab.fabric import daemons
from lab.fabric.bringup import Fabric, listening
from lab.fabric.node_switch import NodeSwitch
from lab.fabric.northbound import Northbound
from lab.faults.seams import Faults
from lab.processes import Processes

DATABASE, SWITCH, CONTROLLER = "ovsdb-{}", "ovs-vswitchd-{}", "ovn-controller-{}"


async def renew_node(config: LabConfig, processes: Processes, fabric: Fabric, node: Node) -> None:
    """Restart a node's database, switch and controller; returns when its flows are those of the whole network.

    Raises ``ProcessFailed``, ``TimeoutError``, ``OSError`` or ``SwitchError``.
    """
    directory = config.state / "nodes" / node.name
    database, switch, controller = (name.format(node.name) for name in (DATABASE, SWITCH, CONTROLLER))
    ports = NodeSwitch(config, node.name)
    await processes.restart(database)
    await listening(directory / "db.sock")
    await ports.forget_capabilities()
    processes.expect_end(controller)
    _leave(directory)
    await processes.end([controller])
    await processes.restart(switch)
    await ports.commit_without_nat()
    await asyncio.gather(processes.restart(controller), fabric.resettle(node))
    northbound = Northbound(config.northbound, Faults(config.state))
    try:
        await northbound.sync()
    finally:
        await northbound.close()


def _leave(directory: Path) -> None:
    """End a controller that keeps its node's place in the southbound database, for the one that comes."""
    pid = (directory / "ovn-controller.pid").read_text().strip()
    daemons.control(directory / f"ovn-controller.{pid}.ctl", "exit", "--restart")
