"""Processes of the lab are told from others, and ended."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import processes

SLEEP = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, sys; signal.signal(15, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()",
]


@pytest.fixture
def lab():
    return f"test-processes-{os.getpid()}"


def _start(argv: list[str], **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_start_time_of_a_command_with_spaces_and_brackets():
    stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 95 0 0 0 0 0 0 0 20 0 1 0 123456 3 4"
    assert processes.parse_started(stat) == 123456


@pytest.mark.parametrize(
    ("environment", "ours"),
    [
        (b"A=1\0UDN_LAB=blue\0B=2\0", True),
        (b"UDN_LAB=blue2\0", False),
        (b"XUDN_LAB=blue\0", False),
        (b"UDN_LAB=blu\0", False),
        (b"", False),
    ],
)
def test_mark_is_matched_whole(environment, ours):
    assert processes.marked(environment, "blue") is ours


def test_finds_and_ends_its_own_only(lab):
    mine, other = _start(SLEEP, UDN_LAB=lab), _start(SLEEP, UDN_LAB=f"{lab}-other")
    try:
        assert processes.find(lab) == [mine.pid]
        assert processes.end(lab, [mine.pid, other.pid]) == []
        assert mine.wait() == -signal.SIGTERM
        assert other.poll() is None
    finally:
        for process in (mine, other):
            process.kill()
            process.communicate()


def test_kills_what_does_not_listen(lab):
    stubborn = _start(STUBBORN, UDN_LAB=lab)
    try:
        assert processes.end(lab, [stubborn.pid], grace=0.1) == []
        assert stubborn.wait() == -signal.SIGKILL
    finally:
        stubborn.kill()
        stubborn.communicate()


def test_ended_process_has_no_start_time(lab):
    process = _start(SLEEP, UDN_LAB=lab)
    assert processes.started(process.pid) is not None
    process.kill()
    process.communicate()
    assert processes.started(process.pid) is None


def test_owner_hears_of_an_unexpected_end_only(lab, tmp_path):
    heard: list[tuple[str, int]] = []

    async def run() -> None:
        ended = asyncio.Event()
        owner = processes.Processes(lab, tmp_path, lambda name, status: (heard.append((name, status)), ended.set()))
        await owner.start("quick", [sys.executable, "-c", "raise SystemExit('no more')"])
        await owner.start("slow", [sys.executable, "-c", "import signal; signal.pause()"])
        await ended.wait()
        assert [owned.name for owned in owner.owned()] == ["slow"]
        assert owner.failure("quick", 1) == f"process quick ended with status 1: no more (see {tmp_path}/quick.log)"
        await owner.end(["slow", "never-there"])
        assert owner.owned() == []

    asyncio.run(run())
    assert heard == [("quick", 1)]


def test_missing_program_is_named(lab, tmp_path):
    async def run() -> None:
        owner = processes.Processes(lab, tmp_path, lambda name, status: None)
        await owner.start("ghost", ["no-such-program"])

    with pytest.raises(processes.ProcessFailed, match="no-such-program is not installed"):
        asyncio.run(run())


def test_owned_processes_end_with_a_killed_owner(lab, tmp_path):
    owner = f"""
import asyncio, pathlib, sys
from lab.processes import Processes
async def run():
    logs = pathlib.Path({str(tmp_path)!r})
    owner = Processes({lab!r}, logs, lambda name, status: None)
    await owner.start("child", [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"])
    # Before it runs its program it need not know yet with whom it ends: `lab down` finds what is left then.
    while not (logs / "child.log").read_text():
        await asyncio.sleep(0.01)
    print(owner.owned()[0].pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(run())
"""
    process = subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = os.pidfd_open(int(process.stdout.readline()))
    process.kill()
    process.communicate()
    # Readable when it has ended.
    assert select.select([child], [], [], 20)[0]
    os.close(child)


def environment_of(pid: int) -> str:
    """Its text, which is empty for the moment in which a process becomes its program, and when it has ended."""
    deadline = time.monotonic() + 10
    while not (environment := Path(f"/proc/{pid}/environ").read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return environment


def test_what_is_restarted_is_another_process_of_the_same_command_and_no_failure(lab, tmp_path):
    ended: list[str] = []
    environments: list[str] = []

    async def restarted() -> tuple[int, int]:
        owned = processes.Processes(lab, tmp_path, lambda name, _: ended.append(name))
        await owned.start("sleeper", ["sleep", "600"], env={"NAMED": "yes"})
        (before,) = owned.owned()
        await owned.restart("sleeper")
        (after,) = owned.owned()
        environments.append(await asyncio.to_thread(environment_of, after.pid))
        await owned.end(["sleeper"])
        return before.pid, after.pid

    before, after = asyncio.run(restarted())
    assert before != after
    assert "NAMED=yes" in environments[0]
    assert ended == []
