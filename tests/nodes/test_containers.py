"""Namespaces and containers for real: their processes, exit codes, terminals and end."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab import netns
from lab.nodes import containers, images, stdio
from lab.nodes.containers import Container, ContainerSpec, NoCommand
from lab.nodes.logs import ContainerLog, Selection, rendered

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: needs root"),
]

NAMESPACE = f"ult-{os.getpid()}"
Scenario = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Place:
    spec: ContainerSpec

    async def start(self, *argv: str) -> Container:
        return await containers.start(replace(self.spec, argv=argv), ContainerLog(self.log))

    @property
    def log(self) -> Path:
        return self.spec.folder / "c.log"

    @property
    def output(self) -> str:
        return rendered(self.log, Selection()).decode()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    asyncio.run(asyncio.to_thread(netns.create, NAMESPACE))
    folder = tmp_path / "pod"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    image = images.prepare(tmp_path)
    yield Place(ContainerSpec(NAMESPACE, image, folder, "host", (), {"PATH": images.PATH}))
    netns.remove(NAMESPACE)


def play(scenario: Scenario) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await scenario()

    asyncio.run(limited())


def test_a_name_can_be_taken_once() -> None:
    async def scenario() -> None:
        await asyncio.to_thread(netns.create, NAMESPACE)
        try:
            with pytest.raises(FileExistsError):
                await asyncio.to_thread(netns.create, NAMESPACE)
            names = await netns.inside(NAMESPACE, lambda links: [link.get("ifname") for link in links.get_links()])
            assert names[0] == "lo"
        finally:
            netns.remove(NAMESPACE)
        assert not netns.exists(NAMESPACE)
        netns.remove(NAMESPACE)

    play(scenario)


def test_names_live_in_one_mount_whoever_makes_them(place: Place) -> None:
    other = f"{NAMESPACE}-ip"
    subprocess.run(["ip", "netns", "add", other], check=True)
    subprocess.run(["ip", "netns", "delete", other], check=True)
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert mounts.count(str(netns.FOLDER)) == 1
    assert mounts.count(f"{netns.FOLDER}/{NAMESPACE}") == 1


def test_a_thread_comes_back_from_a_namespace_after_an_error(place: Place) -> None:
    def fail(links: object) -> None:
        raise RuntimeError

    async def scenario() -> None:
        home = os.readlink("/proc/self/ns/net")
        with pytest.raises(RuntimeError):
            await netns.inside(NAMESPACE, fail)
        assert await asyncio.to_thread(os.readlink, "/proc/thread-self/ns/net") == home

    play(scenario)


def test_exit_code_and_output(place: Place) -> None:
    async def scenario() -> None:
        container = await place.start("sh", "-c", "hostname; echo $$; echo bad >&2; exit 5")
        assert await container.wait() == 5
        assert {"host", "bad"} <= set(place.output.splitlines())

    play(scenario)


def test_sigterm_ends_a_plain_command_at_once(place: Place) -> None:
    async def scenario() -> None:
        container = await place.start("sleep", "1000000")
        await container.stop(1000)
        assert await container.wait() == 143

    play(scenario)


def test_what_ignores_sigterm_is_killed_with_all_its_children(place: Place) -> None:
    async def scenario() -> None:
        script = "trap '' TERM; echo deaf; sleep 1000000 & while :; do sleep 1000000; done"
        container = await place.start("sh", "-c", script)
        deaf = asyncio.Event()
        container.listeners.append(lambda stream, data: deaf.set())
        if not place.output:
            await deaf.wait()
        await container.stop(0.2)
        assert await container.wait() == 137

    play(scenario)


def test_a_command_that_is_not_there_is_told(place: Place) -> None:
    async def scenario() -> None:
        with pytest.raises(NoCommand, match="no-such"):
            await place.start("no-such")

    play(scenario)


def test_a_container_with_input_reads_it_to_its_end(place: Place) -> None:
    async def scenario() -> None:
        spec = replace(place.spec, argv=("cat",), stdin=True)
        container = await containers.start(spec, ContainerLog(place.log))
        assert container.streams.stdin is not None
        await stdio.write(container.streams.stdin, b"typed\n")
        container.streams.close_stdin()
        assert await container.wait() == 0
        assert place.output == "typed\n"

    play(scenario)


def test_exec_joins_the_container(place: Place) -> None:
    async def scenario() -> None:
        container = await place.start("sh", "-c", "echo here > /tmp/mark; exec sleep 1000000")
        streams = stdio.Stdio.pipes(stdin=True)
        script = "cat /tmp/mark; cat; env | grep -c UDN_LAB; exit 9"
        process = await containers.spawn(container.exec_argv(["sh", "-c", script]), streams, place.spec.environment)
        assert streams.stdin is not None
        await stdio.write(streams.stdin, b"typed\n")
        streams.close_stdin()
        output = b""
        while data := await stdio.read(streams.stdout):
            output += data
        assert output == b"here\ntyped\n0\n"
        assert await process.wait() == 9
        streams.close()
        await container.stop(0)
        await container.wait()

    play(scenario)


def test_a_container_has_the_hosts_files_neither_to_read_nor_to_write(place: Place) -> None:
    async def scenario() -> None:
        container = await place.start("sh", "-c", "ls /run /root /home; touch /bin/new 2>/dev/null || echo read-only")
        await container.wait()
        assert place.output.splitlines()[-1] == "read-only"
        assert not (place.spec.image / "bin" / "new").exists()
        assert not list((place.spec.folder / "root").iterdir())

    play(scenario)


_OWNER = """
import asyncio, sys
from pathlib import Path
from lab.nodes import containers, images
from lab.nodes.containers import ContainerSpec
from lab.nodes.logs import ContainerLog

async def main():
    name, image, folder = sys.argv[1:]
    spec = ContainerSpec(name, Path(image), Path(folder), "host", ("sleep", "1000000"), {"PATH": images.PATH})
    container = await containers.start(spec, ContainerLog(Path(folder) / "c.log"))
    print(container.pid, flush=True)
    await container.wait()

asyncio.run(main())
"""


def test_a_container_dies_with_an_owner_that_is_killed(place: Place) -> None:
    argv = [sys.executable, "-c", _OWNER, NAMESPACE, str(place.spec.image), str(place.spec.folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        container = os.pidfd_open(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)
    ended, _, _ = select.select([container], [], [], 30)
    os.close(container)
    assert ended
