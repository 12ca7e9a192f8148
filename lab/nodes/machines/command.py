"""From a machine's description to QEMU's command line, and to the devices that can be plugged later."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.guest.image import GuestImage
from lab.nodes.machines.acceleration import Accelerator
from lab.nodes.machines.memory import Memory

QEMU = "qemu-system-x86_64"
CHECKPOINT = "checkpoint"
"""A word on the kernel's line: the guest stops before it looks for its disk and NICs, and says so."""

# What a kernel would offload to a NIC would, with user-space switches, be done by nobody.
_OFFLOADS = (
    *("csum", "gso"),
    *("guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo"),
    *("host_tso4", "host_tso6", "host_ecn", "host_ufo"),
)
_BOARD = "q35,hpet=off,smbus=off,sata=off,usb=off,vmport=off,memory-backend=ram"
# quiet: the console belongs to the login. The rest spares an emulated processor work that is of no use in a lab; with
# norandmaps a program's libraries lie where they lay when it ran last, and their code need not be translated again.
_KERNEL_LINE = (
    "console=ttyS0 quiet loglevel=1 panic=-1 tsc=unstable no_timer_check mitigations=off cryptomgr.notests norandmaps"
)
# A bridge whose slots take and give devices while the guest runs: the board's own bus does not.
_SLOTS = "slots"
_DISK_SLOT, _FIRST_NIC_SLOT, _REHEARSED_SLOTS = 1, 2, 6

Device = dict[str, Any]


@dataclass(frozen=True)
class Nic:
    """A guest's NIC, at the end of a tap device."""

    tap: str
    mac: str
    mtu: int


@dataclass(frozen=True)
class MachineSpec:
    """A machine. Source and target of a migration have the same, apart from taps and the disk's path."""

    name: str
    uuid: str
    memory: int
    """MiB."""
    processors: int
    nics: tuple[Nic, ...]
    disk: Path | None = None
    """The cloud-init disk."""
    paused: bool = False


@dataclass(frozen=True)
class Lines:
    """Descriptors that a machine is born with: two connected sockets, and its memory."""

    monitor: int
    serial: int
    memory: int


@dataclass(frozen=True)
class Part:
    """A device and what stands behind it, in the words of QEMU's command line and of its monitor alike."""

    option: str
    backend: Device
    device: Device


@dataclass(frozen=True)
class Beginning:
    """How a machine's life begins.

    ``incoming``: it waits for the state of another. ``halted``: its processors stand still until it is resumed.
    ``memory``: what it goes on with; None: memory of its own. ``parts``: the devices that it has at first; None: its
    own disk and NICs. ``words``: more on the kernel's line.
    """

    incoming: bool = False
    halted: bool = False
    memory: Memory | None = None
    parts: tuple[Part, ...] | None = None
    words: tuple[str, ...] = ()


COLD_BOOT = Beginning()


def arrival(memory: Memory) -> Beginning:
    """That of a guest which comes from another machine, whose memory this is."""
    return Beginning(incoming=True, memory=memory)


def arguments(
    spec: MachineSpec, image: GuestImage, accelerator: Accelerator, lines: Lines, beginning: Beginning = COLD_BOOT
) -> list[str]:
    """QEMU's command line."""
    argv = [QEMU, "-name", f"guest={spec.name},debug-threads=on", "-uuid", spec.uuid]
    argv += ["-nodefaults", "-no-user-config", "-display", "none", "-M", _BOARD, "-bios", "qboot.rom"]
    argv += [*accelerator.arguments, "-m", str(spec.memory), "-smp", str(spec.processors)]
    argv += ["-object", json.dumps(_memory(spec, lines))]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initramfs)]
    argv += ["-append", " ".join([_KERNEL_LINE, *beginning.words])]
    argv += ["-chardev", f"socket,id=monitor,fd={lines.monitor}", "-mon", "chardev=monitor,mode=control"]
    argv += ["-chardev", f"socket,id=serial,fd={lines.serial}", "-serial", "chardev:serial"]
    argv += ["-device", f"pcie-pci-bridge,id={_SLOTS},bus=pcie.0,addr=0x3"]
    for part in parts(spec) if beginning.parts is None else beginning.parts:
        argv += [part.option, json.dumps(part.backend), "-device", json.dumps(part.device)]
    if spec.paused or beginning.halted:
        argv += ["-S"]
    if beginning.incoming:
        argv += ["-incoming", "defer"]
    return argv


def parts(spec: MachineSpec) -> tuple[Part, ...]:
    """The machine's NICs, in the order in which the guest is to see them, and its disk, if it has one."""
    nics = tuple(_nic(number, nic) for number, nic in enumerate(spec.nics))
    if spec.disk is None:
        return nics
    source = {"driver": "file", "filename": str(spec.disk)}
    return (*nics, _disk("cidata", _DISK_SLOT, {"driver": "raw", "read-only": True, "file": source}))


def _disk(name: str, slot: int, content: Device) -> Part:
    device = {"driver": "virtio-blk-pci", "id": f"disk-{name}", "drive": name, **_slot(slot)}
    return Part("-blockdev", {"node-name": name, **content}, device)


def _nic(number: int, nic: Nic) -> Part:
    backend = {"type": "tap", "id": f"net{number}", "ifname": nic.tap, "vhost": False}
    identity = {"netdev": f"net{number}", "id": f"nic{number}", "mac": nic.mac, "host_mtu": nic.mtu, "romfile": ""}
    device = {"driver": "virtio-net-pci", **identity, **_slot(_FIRST_NIC_SLOT + number)}
    offloads = dict.fromkeys(_OFFLOADS, False)
    return Part("-netdev", {**backend, "script": "no", "downscript": "no"}, {**device, **offloads})


def _slot(number: int) -> Device:
    return {"bus": _SLOTS, "addr": f"{number:#x}"}


REHEARSAL = tuple(
    _disk(f"nothing{slot}", slot, {"driver": "null-co", "size": 1 << 20})
    for slot in range(_DISK_SLOT, _DISK_SLOT + _REHEARSED_SLOTS)
)
"""Devices for a guest that is to be saved: it makes room for them on the bridge, which no firmware has done, and keeps
the room when they are taken away."""


def _memory(spec: MachineSpec, lines: Lines) -> Device:
    place = {"mem-path": f"/proc/self/fd/{lines.memory}", "share": True}
    return {"qom-type": "memory-backend-file", "id": "ram", "size": spec.memory << 20, **place}
