"""The guest image: kernel and initial RAM file system, built once from distribution packages and kept.

The image stays in the cache under a key made of everything that goes into it, so a change of a script or of the
list of packages gives a new image beside the old. Builds of several processes at once are safe: one builds, the
others wait and take its result.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import documents
from lab.config import CACHE
from lab.guest import kernel, packages
from lab.guest.initramfs import Initramfs

HERE = Path(__file__).parent
FILES = HERE / "files"
_KEPT_SECONDS = 7 * 86400  # since it was last asked for: labs of an older checkout may still start guests
_INPUTS = (HERE / "image.yaml", HERE / "image.py", HERE / "initramfs.py", HERE / "kernel.py")


class GuestImageError(Exception):
    """The guest image could not be built."""


@dataclass(frozen=True)
class GuestImage:
    """Where the two files of an image are, and the key of what they were made of."""

    kernel: Path
    initramfs: Path
    key: str


def ensure(cache: Path = CACHE) -> GuestImage:
    """The guest image, built now if the cache has none; ``GuestImageError`` says what is missing."""
    key = input_key()
    target = cache / f"guest-{key}"
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / "guest.lock"):
            if not target.is_dir():
                _build(target)
                _prune(cache)
    os.utime(target)
    return GuestImage(target / "vmlinux", target / "initramfs", key)


def input_key() -> str:
    """A hash of everything that goes into the image."""
    digest = hashlib.sha256()
    for path in (*_INPUTS, *sorted(FILES.rglob("*"))):
        if path.is_file():
            digest.update(f"{path.relative_to(HERE)} {path.stat().st_mode & 0o100}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(target: Path) -> None:
    recipe: dict[str, Any] = documents.read((HERE / "image.yaml").read_text())
    draft = Path(tempfile.mkdtemp(prefix="guest-draft-", dir=target.parent))
    try:
        root = draft / "root"
        linux = packages.kernel_package(recipe["kernel"])
        packages.unpack([linux, *recipe["packages"]], draft / "packages", root)
        archives = sorted(path.name for path in (draft / "packages").iterdir())
        (draft / "contents.json").write_text(json.dumps({"packages": archives}, indent=1))
        _assemble(recipe, root).write(draft / "initramfs")
        (draft / "vmlinux").write_bytes(kernel.uncompressed(_only(root, "boot/vmlinuz-*").read_bytes()))
        shutil.rmtree(root)
        shutil.rmtree(draft / "packages")
        draft.chmod(0o755)
        draft.rename(target)
    except (packages.PackageError, OSError) as error:
        raise GuestImageError(f"guest image: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _prune(cache: Path) -> None:
    for image in cache.glob("guest-*/"):
        if time.time() - image.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(image, ignore_errors=True)


def _assemble(recipe: dict[str, Any], root: Path) -> Initramfs:
    archive = Initramfs()
    for directory in recipe["directories"]:
        archive.directory(directory, 0o1777 if directory == "tmp" else 0o755)
    for path, pattern in recipe["files"].items():
        content = _only(root, pattern).read_bytes()
        archive.file(path, without_own_netcat(content) if path == "bin/busybox" else content, 0o755)
    for stage in ("modules", "disk_modules", "late_modules"):
        for number, module in enumerate(recipe[stage]):
            source = _module(root, module)
            archive.file(f"lib/{stage}/{number:02d}-{module}.ko", source.read_bytes())
    archive.tree(FILES)
    for applet in _applets(_only(root, recipe["files"]["bin/busybox"])):
        archive.link(applet, "/bin/busybox")
    archive.link("init", "/bin/busybox")
    return archive


def without_own_netcat(busybox: bytes) -> bytes:
    """The same program, its applet ``nc`` under the name ``nd``.

    Its shell prefers applets to programs in PATH, and the applet knows no UDP: the name has to be free for the
    netcat that does. The table of names stays sorted.
    """
    if busybox.count(b"\0nc\0") != 1:
        raise OSError("busybox: cannot tell where its applet nc is named")
    return busybox.replace(b"\0nc\0", b"\0nd\0")


def _applets(busybox: Path) -> list[str]:
    done = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{busybox.name} does not run here: {done.stderr.strip()}")
    return done.stdout.split()


def _module(root: Path, name: str) -> Path:
    for spelling in (name, name.replace("_", "-")):
        found = sorted(root.glob(f"lib/modules/*/kernel/**/{spelling}.ko"))
        if found:
            return found[0]
    raise OSError(f"the kernel package has no module {name}")


def _only(root: Path, pattern: str) -> Path:
    found = sorted(path for path in root.glob(pattern) if path.is_file())
    if not found:
        raise OSError(f"the packages hold no {pattern}")
    return found[0]
