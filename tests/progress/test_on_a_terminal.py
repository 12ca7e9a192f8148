"""The live line of a run on a terminal, alone and with workers; the ordinary lines are left whole."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path
from select import select

import pytest

from tests.plugin.conftest import Suites, cluster, environment, suites  # noqa: F401

LIMIT = 60  # seconds without a character until a run is taken to hang
WAITS = """
import os
from conformance.evidence import step

@verifies("primary-l2/mtu")
def test_first():
    print("printed by a test")

@verifies("primary-l2/same-node")
def test_waits():
    with step("wait until ns/vm runs"):
        open(os.environ["UDN_TEST_GATE"]).close()
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_what_is_waited_for_is_shown_and_taken_away(suites: Suites, tmp_path: Path, workers: tuple[str, ...]) -> None:  # noqa: F811
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    suites.write("test_all.py", WAITS)
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        suites.command(*workers),
        stdout=theirs,
        stderr=subprocess.STDOUT,
        cwd=tmp_path,
        env=environment() | {"UDN_TEST_GATE": str(gate), "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    try:
        printed = read_until(ours, b"test_waits", b"wait until ns/vm runs")
        with gate.open("w"):
            printed += read_until(ours)
        assert run.wait() == 0, printed
    finally:
        run.kill()
    shown = [line.rpartition("\r\x1b[K")[2].rstrip("\r") for line in printed.decode().split("\n")]
    seen = [re.sub(r"\x1b\[\d*m", "", line) for line in shown]
    told = [line for line in seen if " … passed" in line]
    assert [line.partition(" … ")[0][6:] for line in told] == [
        "test_all.py::test_first",
        "test_all.py::test_waits",
    ], seen
    assert not any("wait until ns/vm runs" in line for line in seen), "the live line was left on the screen"


def read_until(descriptor: int, *wanted: bytes) -> bytes:
    """What a terminal shows until all of ``wanted`` was seen; with nothing wanted, until its end."""
    seen = b""
    while not wanted or not all(each in seen for each in wanted):
        assert select([descriptor], [], [], LIMIT)[0], f"nothing more came after {seen.decode(errors='replace')!r}"
        try:
            more = os.read(descriptor, 65536)
        except OSError:  # the other side is closed
            more = b""
        if not more:
            assert not wanted, seen.decode(errors="replace")
            break
        seen += more
    return seen
