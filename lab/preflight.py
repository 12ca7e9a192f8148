"""What the lab needs of the machine, looked at before anything is started: one line for each piece that is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from lab import documents

TUN = Path("/dev/net/tun")
POLICY = Path("/usr/sbin/policy-rc.d")
_SYSTEM_PATHS = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Missing:
    """A piece that is missing, in one line; ``package`` is the Debian package that brings it, if one does."""

    line: str
    package: str = ""


class InstallFailed(Exception):
    """Packages could not be installed."""


def examine() -> list[Missing]:
    """All that is missing; empty if the lab can be brought up."""
    needs: dict[str, Any] = documents.read((files("lab") / "preflight.yaml").read_text())
    if sys.platform != "linux":
        return [Missing(f"this is {sys.platform}: the lab needs Linux, for network namespaces and OVS")]
    return [
        *_privileges(needs["capabilities"]),
        *_device(),
        *_packages(needs["programs"], needs["files"]),
        *_modules(needs["modules"]),
    ]


def search_path() -> str:
    """PATH with the system's own directories, which a user's often lacks."""
    return f"{os.environ.get('PATH', '')}:{_SYSTEM_PATHS}"


def install_line(missing: list[Missing]) -> str | None:
    """The command that installs what packages bring, for a shell; None if no package is needed."""
    packages = packages_of(missing)
    return "apt-get install -y --no-install-recommends " + " ".join(packages) if packages else None


def packages_of(missing: list[Missing]) -> list[str]:
    """The Debian packages that are missing."""
    return sorted({piece.package for piece in missing if piece.package})


def install(packages: list[str]) -> None:
    """Install Debian packages; the services that they bring are not started: the lab runs daemons of its own.

    Raises :class:`InstallFailed`, also when not root.
    """
    if os.geteuid() != 0:
        raise InstallFailed("only root can install packages")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _services_held():
        for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
            try:
                subprocess.run(["apt-get", *arguments], env=environment, check=True, stdout=sys.stderr)
            except FileNotFoundError as error:
                raise InstallFailed("apt-get is not there: this is no Debian; install the pieces by hand") from error
            except subprocess.CalledProcessError as error:
                raise InstallFailed(f"apt-get {' '.join(arguments)} ended with status {error.returncode}") from error


def parse_capabilities(status: str) -> int:
    """The effective capabilities in the text of ``/proc/self/status``."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


@contextmanager
def _services_held() -> Iterator[None]:
    """Debian's own switch for "do not start services now"; the machine's own policy, if any, is left alone."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def _privileges(capabilities: Mapping[str, int]) -> Iterator[Missing]:
    held = parse_capabilities(Path("/proc/self/status").read_text())
    lacking = [name for name, bit in capabilities.items() if not held >> bit & 1]
    if os.geteuid() != 0:
        yield Missing("not root: the lab makes network namespaces; run it as root (sudo)")
    elif lacking:
        yield Missing(f"root lacks {' and '.join(lacking)}: start the container with these capabilities (--privileged)")


def _device() -> Iterator[Missing]:
    try:
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        yield Missing(f"{TUN} is missing: load the module tun, or pass the device into the container")
    except OSError as error:
        kind = "" if stat.S_ISCHR(TUN.stat().st_mode) else " (it is no character device)"
        yield Missing(f"{TUN} cannot be opened: {error.strerror}{kind}")


def _packages(programs: Mapping[str, list[str]], paths: Mapping[str, list[str]]) -> Iterator[Missing]:
    for package, names in programs.items():
        lacking = [name for name in names if shutil.which(name, path=search_path()) is None]
        if lacking:
            yield Missing(f"{', '.join(lacking)}: not found; Debian package {package}", package)
    for package, names in paths.items():
        lacking = [name for name in names if not Path(name).is_file()]
        if lacking:
            yield Missing(f"{', '.join(lacking)}: not found; Debian package {package}", package)


def _modules(names: list[str]) -> Iterator[Missing]:
    lacking = [name for name in names if not _importable(name)]
    if lacking:
        yield Missing(f"Python modules {', '.join(lacking)}: not installed; pip install 'udn-conformance[lab]'")


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
