"""Debian packages as files: fetched by apt, unpacked beside the host's own system, never installed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path


class PackageError(Exception):
    """A package could not be fetched or unpacked."""


def kernel_package(meta: str) -> str:
    """The versioned kernel package that a meta package such as ``linux-image-cloud-amd64`` stands for."""
    listing = _run(["apt-cache", "depends", "--no-recommends", "--no-suggests", meta])
    found = re.search(r"^\s*Depends: (linux-image-\d\S+)", listing, re.MULTILINE)
    if found is None:
        raise PackageError(f"{meta}: no versioned kernel among its dependencies; run `apt-get update`")
    return found.group(1)


def unpack(names: Sequence[str], downloads: Path, root: Path) -> None:
    """Fetch the packages into ``downloads`` and unpack them all below ``root``."""
    downloads.mkdir(parents=True, exist_ok=True)
    root.mkdir(parents=True, exist_ok=True)
    # apt's sandbox user cannot write to a directory of ours.
    _run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *names], cwd=downloads)
    for archive in sorted(downloads.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(archive), str(root)])


def _run(arguments: Sequence[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    except FileNotFoundError as error:
        raise PackageError(f"{arguments[0]} is missing: the guest image is built on Debian") from error
    except subprocess.TimeoutExpired as error:
        raise PackageError(f"{arguments[0]} did not end within {error.timeout:.0f} s") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise PackageError(f"`{' '.join(arguments)}` failed: {last}")
    return done.stdout
