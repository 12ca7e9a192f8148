"""Starts a launcher pod's machine: cables, cloud-init disk, QEMU."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.client import NotFound
from lab.guest.image import GuestImage
from lab.nodes.context import NodeContext
from lab.nodes.machines import masquerade, plumbing, saved_state
from lab.nodes.machines.acceleration import Accelerator
from lab.nodes.machines.cloud_init import write_disk
from lab.nodes.machines.command import MachineSpec, arrival
from lab.nodes.machines.machine import Host, Machine
from lab.nodes.machines.memory import Memory
from lab.nodes.machines.monitor import MachineError
from lab.nodes.machines.saved_state import SavedStates
from lab.nodes.sandbox import Sandbox
from lab.nodes.virt_handler import describe
from lab.nodes.virt_handler.describe import Attachment, CannotRun
from lab.resources import SECRETS

Object = dict[str, Any]

_MEMORY = "memory"


@dataclass(frozen=True)
class Workshop:
    """What every guest of a node is made with."""

    image: GuestImage
    accelerator: Accelerator
    states: SavedStates | None
    """To start from; None: every guest boots."""


def folder_of(context: NodeContext, vmi_uid: str, pod_uid: str = "") -> Path:
    """Where a machine's files are; without a pod, those of all machines of the VMI."""
    return context.config.state / "vms" / vmi_uid / pod_uid


async def launch(
    context: NodeContext, workshop: Workshop, vmi: Object, sandbox: Sandbox, incoming: bool
) -> tuple[Machine, tuple[Attachment, ...]]:
    """The VMI's machine in the pod's namespace, waiting for a migration if ``incoming``.

    Raises :class:`CannotRun` for what the VMI asks in vain, ``MachineError`` (QEMU), ``OSError`` or ``LookupError``
    (the pod's links), and what the API raises.
    """
    facts = {"vmi": vmi, "node": context.node.name, "sandbox": sandbox}
    nics = context.faults.decide("machine.nics", describe.attachments(vmi, sandbox), **facts)
    secrets = await _secrets(context, vmi)
    content = describe.cloud_init(vmi, secrets)
    folder = folder_of(context, vmi["metadata"]["uid"], sandbox.uid)
    folder.mkdir(parents=True, exist_ok=True)
    spec = describe.machine(vmi, nics, folder, content is not None)
    if content is not None and spec.disk is not None:
        await asyncio.to_thread(write_disk, content, spec.disk)
    await plumbing.lay(sandbox.netns, [nic.cable for nic in nics if nic.masquerade is None])
    hidden = [nic.masquerade for nic in nics if nic.masquerade is not None]
    for behind in hidden:
        await masquerade.lay(sandbox.netns, behind)
        seen = {"masquerade": behind, "incoming": incoming, **facts}
        translation = context.faults.decide("machine.masquerade", masquerade.rules(behind), **seen)
        await plumbing.filter_frames(sandbox.netns, translation)
    context.faults.decide("machine.laid", None, nics=nics, **facts)
    beside = tuple(other for other in context.sandboxes if other is not sandbox)
    rules = context.faults.decide("machine.filter", "", nics=nics, incoming=incoming, beside=beside, **facts)
    if rules:
        await plumbing.filter_frames(sandbox.netns, rules)
    host = Host(workshop.image, workshop.accelerator, sandbox.netns, folder)
    # Before the guest runs: it asks for its address at once.
    servers = [await masquerade.serve_dhcp(sandbox.netns, folder, behind) for behind in hidden]
    try:
        if not incoming:
            await asyncio.sleep(context.config.conduct.pace.boot)
        machine = await _start(spec, host, workshop, _memory_at(folder.parent) if incoming else None)
    except BaseException:
        for server in servers:
            server.kill()
        raise
    machine.accompany(*servers)
    return machine, nics


def lives_here(machine: Machine) -> None:
    """Note which machine has the guest, for the next one: it goes on with the same memory."""
    note = machine.host.folder.parent / _MEMORY
    draft = note.with_suffix(".new")
    draft.write_text(" ".join(map(str, machine.holds_memory)))
    draft.replace(note)


def _memory_at(folder: Path) -> Memory:
    try:
        process, descriptor = map(int, (folder / _MEMORY).read_text().split())
    except FileNotFoundError as error:
        raise MachineError("no machine has the guest that is to arrive") from error
    return Memory.held_by(process, descriptor)


async def _start(spec: MachineSpec, host: Host, workshop: Workshop, memory: Memory | None) -> Machine:
    if memory is not None:
        return await Machine.start(spec, host, arrival(memory))
    if workshop.states is None:
        return await Machine.start(spec, host)
    return await saved_state.start(spec, host, await workshop.states.of(spec.memory, spec.processors))


def clear(context: NodeContext, vmi_uid: str) -> None:
    """Remove the files of a VMI's machines."""
    shutil.rmtree(folder_of(context, vmi_uid), ignore_errors=True)


async def _secrets(context: NodeContext, vmi: Object) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name in describe.secret_names(vmi):
        try:
            secret = await context.client.get(SECRETS, name, vmi["metadata"]["namespace"])
        except NotFound as error:
            raise CannotRun(f"cloud-init refers to secret {name}, which does not exist") from error
        found[name] = secret.get("data") or {}
    return found
