"""From a machine's description to QEMU's command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.guest.image import GuestImage
from lab.nodes.machines.acceleration import Accelerator

QEMU = "qemu-system-x86_64"

# What a kernel would offload to a NIC would, with user-space switches, be done by nobody.
_OFFLOADS = (
    *("csum", "gso"),
    *("guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo"),
    *("host_tso4", "host_tso6", "host_ecn", "host_ufo"),
)
_BOARD = "q35,hpet=off,smbus=off,sata=off,usb=off,vmport=off"
# quiet: the console belongs to the login. The rest spares an emulated processor work that is of no use in a lab.
_KERNEL_LINE = "console=ttyS0 quiet loglevel=1 panic=-1 tsc=unstable no_timer_check mitigations=off cryptomgr.notests"
_FIRST_SLOT = 4


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


def arguments(
    spec: MachineSpec, image: GuestImage, accelerator: Accelerator, monitor: int, serial: int, incoming: bool
) -> list[str]:
    """QEMU's command line; ``monitor`` and ``serial`` are descriptors of connected sockets."""
    argv = [QEMU, "-name", f"guest={spec.name},debug-threads=on", "-uuid", spec.uuid]
    argv += ["-nodefaults", "-no-user-config", "-display", "none", "-M", _BOARD, "-bios", "qboot.rom"]
    argv += [*accelerator.arguments, "-m", str(spec.memory), "-smp", str(spec.processors)]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", _KERNEL_LINE]
    argv += ["-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"]
    argv += ["-chardev", f"socket,id=serial,fd={serial}", "-serial", "chardev:serial"]
    for number, nic in enumerate(spec.nics):
        argv += _nic(number, nic)
    if spec.disk is not None:
        argv += ["-blockdev", f"driver=raw,node-name=cidata,read-only=on,file.driver=file,file.filename={spec.disk}"]
        argv += ["-device", "virtio-blk-pci,drive=cidata,bus=pcie.0,addr=0x3"]
    if spec.paused:
        argv += ["-S"]
    if incoming:
        argv += ["-incoming", "defer"]
    return argv


def _nic(number: int, nic: Nic) -> list[str]:
    offloads = ",".join(f"{name}=off" for name in _OFFLOADS)
    place = f"bus=pcie.0,addr={_FIRST_SLOT + number:#x}"
    identity = f"mac={nic.mac},host_mtu={nic.mtu}"
    return [
        *["-netdev", f"tap,id=net{number},ifname={nic.tap},script=no,downscript=no,vhost=off"],
        *["-device", f"virtio-net-pci,netdev=net{number},id=nic{number},{place},{identity},romfile=,{offloads}"],
    ]
