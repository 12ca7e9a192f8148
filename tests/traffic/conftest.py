"""Machines on a wire, and the kinds of guest that they can be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.traffic.ends import End, wire


@pytest.fixture(scope="session")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[End, End]]:
    """Two machines on one wire; both have busybox's ping and netcat where they have no others."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    applets = tmp_path_factory.mktemp("applets")
    for name in ("nc", "ping"):
        (applets / name).symlink_to(shutil.which("busybox") or "busybox")
    End.last_resort = str(applets)
    one, other = End("vm-a", "10.9.0.1"), End("vm-b", "10.9.0.2")
    try:
        wire(one, other)
        yield one, other
    finally:
        one.close()
        other.close()


@pytest.fixture
def client(ends: tuple[End, End]) -> End:
    """The first machine, as a busybox guest until a test says otherwise."""
    ends[0].use()
    ends[0].migration_uid = ""
    return ends[0]


@pytest.fixture
def server(ends: tuple[End, End]) -> Iterator[End]:
    """The second machine; afterwards nothing of a probe may be left on either."""
    ends[1].use()
    ends[1].migration_uid = ""
    yield ends[1]
    for end in ends:
        assert end.is_quiet(), f"left running on {end}: {end.processes()}"


def only(folder: Path, name: str, program: str) -> str:
    """A search path on which ``name`` is that program, before all else."""
    folder.mkdir(exist_ok=True)
    target = shutil.which(program)
    if target is None:
        pytest.skip(f"{program} is not installed")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    return f"{folder}:{os.environ['PATH']}:{End.last_resort}"
