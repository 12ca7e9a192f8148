"""How a lab is: its processes and their memory, its nodes, its VMs, the last error."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from lab import processes, state
from lab.assembly import is_ready
from lab.client import Client, Refused
from lab.config import LabConfig
from lab.fabric.database import Database, DatabaseError
from lab.faults import definitions
from lab.resources import NODES, VMIS

ANSWER_LIMIT = 5.0  # seconds


@dataclass
class Overview:
    """Made of plain values, to be printed as JSON or as tables.

    ``memory`` is in bytes, shared pages counted once; ``fault_changes`` counts faults planted or lifted so far.
    """

    name: str
    phase: str = "down"
    error: str = ""
    fault_changes: int = 0
    processes: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    vms: list[dict[str, Any]] = field(default_factory=list)
    memory: int = 0

    @property
    def up(self) -> bool:
        """Whether the lab came up and runs."""
        return self.phase in ("ready", "degraded")


def overview(name: str) -> Overview:
    """How the lab of that name is."""
    facts = LabConfig.new(name, 0)
    told = state.read(facts.state)
    made = Overview(name)
    if told is None:
        return made
    made.phase, made.error = told.phase, told.error
    made.fault_changes = definitions.changes(facts.state)
    if not told.alive():
        if told.phase != "failed":
            made.phase, made.error = "down", "its supervisor was killed; `python -m lab down` clears what is left"
        return made
    named = {owned.pid: owned.name for owned in told.processes} | {told.pid: "supervisor"}
    for pid in processes.find(name):
        made.processes.append({"name": named.get(pid, "workload"), "pid": pid, "memory": processes.memory(pid)})
    made.memory = sum(process["memory"] for process in made.processes)
    if made.up:
        asyncio.run(_ask(LabConfig.load(facts.state), made))
    return made


async def _ask(config: LabConfig, made: Overview) -> None:
    southbound = Database(config.southbound, "OVN_Southbound", ("Chassis", "Encap"))
    try:
        async with asyncio.timeout(ANSWER_LIMIT), Client.from_kubeconfig(config.kubeconfig, "status") as client:
            chassis = await southbound.read(lambda idl: {row.name for row in idl.tables["Chassis"].rows.values()})
            nodes, vmis = await client.list(NODES), await client.list(VMIS)
    except (TimeoutError, DatabaseError, Refused, aiohttp.ClientError, OSError) as error:
        made.error = made.error or f"the lab does not answer: {error or type(error).__name__}"
        return
    finally:
        await southbound.close()
    for node in nodes["items"]:
        name = node["metadata"]["name"]
        made.nodes.append({"name": name, "ready": is_ready(node), "chassis": name in chassis})
    for vmi in vmis["items"]:
        status, metadata = vmi.get("status", {}), vmi["metadata"]
        entry = {"namespace": metadata["namespace"], "name": metadata["name"], "phase": status.get("phase", "")}
        made.vms.append({**entry, "node": status.get("nodeName", "")})
