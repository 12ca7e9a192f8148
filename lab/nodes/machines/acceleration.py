"""Whether guests run on the processor itself (KVM) or are emulated (TCG): found out by booting one, once a boot.

/dev/kvm may be there, open, and still not run a stock kernel. So the guest image itself is started with KVM under a
short limit; its first line of output is the proof. The verdict is kept in the cache until the host boots anew.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.config import CACHE
from lab.guest.image import GuestImage

KVM = Path("/dev/kvm")
_LIMIT = 4.0  # seconds that a guest under KVM may take to its first line; it takes well under one

_PROBING = asyncio.Lock()


@dataclass(frozen=True)
class Accelerator:
    """How QEMU runs guests."""

    kind: str
    """``kvm`` or ``tcg``."""
    why: str

    @property
    def arguments(self) -> list[str]:
        """QEMU's arguments."""
        if self.kind == "kvm":
            return ["-accel", "kvm", "-cpu", "host"]
        # A small cache of translated code: several guests share a small machine. A plain processor: the kernel boots
        # an eighth faster on it than on `max`, with fewer features to patch itself for. rdrand seeds its randomness.
        return ["-accel", "tcg,tb-size=64", "-cpu", "qemu64,+rdrand"]


async def accelerator(image: GuestImage, cache: Path = CACHE) -> Accelerator:
    """The accelerator for this host."""
    if not os.access(KVM, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"{KVM} is not there or not open to this user")
    verdict = cache / f"kvm-{_boot_id()}.json"
    async with _PROBING:
        if (known := _known(verdict)) is not None:
            return known
        if await _first_line(image):
            found = Accelerator("kvm", "a guest booted under KVM")
        else:
            found = Accelerator("tcg", f"a guest under KVM gave no output within {_LIMIT:.0f} s")
        _keep(verdict, found)
        return found


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _known(verdict: Path) -> Accelerator | None:
    return Accelerator(**json.loads(verdict.read_text())) if verdict.exists() else None


def _keep(verdict: Path, found: Accelerator) -> None:
    draft = verdict.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(found)))
    draft.rename(verdict)


async def _first_line(image: GuestImage) -> bytes:
    arguments = ["-M", "q35", "-accel", "kvm", "-cpu", "host", "-m", "96", "-nodefaults", "-display", "none"]
    boot = ["-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", "console=ttyS0 earlyprintk=ttyS0"]
    process = await asyncio.create_subprocess_exec(
        *["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *arguments, *boot, "-serial", "stdio"],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_LIMIT):
            while line := await process.stdout.readline():
                if b"Linux version" in line:
                    return line
        return b""
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
