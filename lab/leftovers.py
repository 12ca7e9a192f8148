"""What a lab leaves when it is killed, found and removed: processes, namespaces, mounts, its state directory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from lab import processes
from lab.config import LabConfig

NETNS = Path("/run/netns")


@dataclass(frozen=True)
class Leftovers:
    """What is there of a lab that does not run."""

    pids: tuple[int, ...] = ()
    namespaces: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    state: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.pids or self.namespaces or self.mounts or self.state)

    def many(self) -> bool:
        """Whether there are more pieces than a line holds."""
        return len(self.describe()) > 4

    def describe(self) -> list[str]:
        """One line for each piece, by name."""
        return [
            *(f"process {pid} ({_command(pid)})" for pid in self.pids),
            *(f"network namespace {name}" for name in self.namespaces),
            *(f"mount {path}" for path in self.mounts),
            *([f"state directory {self.state}"] if self.state else []),
        ]


class PrefixTaken(Exception):
    """Another lab's names begin alike."""


def namespaces(prefix: str) -> list[str]:
    """Names of the network namespaces that begin with ``prefix``."""
    return sorted(path.name for path in NETNS.glob(f"{prefix}-*")) if NETNS.is_dir() else []


def look(config: LabConfig) -> Leftovers:
    """What there is of the lab now."""
    return Leftovers(
        pids=tuple(processes.find(config.name)),
        namespaces=tuple(namespaces(config.prefix)),
        mounts=tuple(mounts_below(Path("/proc/self/mountinfo").read_text(), config.state)),
        state=config.state if config.state.exists() else None,
    )


def clear(config: LabConfig, keep_state: bool = False) -> Leftovers:
    """Remove all there is of the lab; gives what could not be removed. ``keep_state`` leaves its files, for reading."""
    found = look(config)
    remaining = processes.end(config.name, found.pids)
    # Processes first: they hold namespaces and files, and may be making more. Each name is a mount.
    names = namespaces(config.prefix)
    for path in (*(str(NETNS / name) for name in names), *reversed(look(config).mounts)):
        subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)
    for name in names:
        (NETNS / name).unlink(missing_ok=True)
    if not keep_state:
        shutil.rmtree(config.state, ignore_errors=True)
    left = look(config)
    return replace(left, pids=tuple({*left.pids, *remaining}), state=None if keep_state else left.state)


def refuse_same_prefix(config: LabConfig) -> None:
    """Raises :class:`PrefixTaken` if another lab has the same prefix: its namespaces would be taken for ours."""
    for facts in config.state.parent.glob("*/lab.json"):
        if facts.parent != config.state and json.loads(facts.read_text()).get("prefix") == config.prefix:
            raise PrefixTaken(f"the lab {facts.parent.name} has the same prefix {config.prefix}; choose another --name")


def mounts_below(mountinfo: str, folder: Path) -> Iterable[str]:
    """Mount points in the text of ``/proc/self/mountinfo`` that are below ``folder``, in the order of mounting."""
    root = str(folder) + "/"
    points = (line.split()[4].replace("\\040", " ") for line in mountinfo.splitlines())
    return [point for point in points if point.startswith(root)]


def _command(pid: int) -> str:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "gone"
    return os.fsdecode(b" ".join(arguments[:3])).strip() or "a kernel's"
