"""A container: plain processes in the pod's network namespace, with PID, mount and host name namespaces of their own.

``unshare`` makes the namespaces and ``image/container.sh`` the root; nothing of it outlives this process, because each
child asks the kernel to be killed with its parent.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab import netns
from lab.nodes import images, stdio
from lab.nodes.logs import ContainerLog
from lab.nodes.stdio import Stdio
from lab.processes import MARK

Listener = Callable[[str, bytes], None]


class NoCommand(Exception):
    """The container's command is not in its image."""


@dataclass(frozen=True)
class ContainerSpec:
    """What a container is made of."""

    netns: str
    image: Path
    folder: Path
    """The pod's own files: ``etc/`` with hosts and resolv.conf, and the mount point ``root``."""
    hostname: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: str = "/"
    stdin: bool = False
    terminal: bool = False


@dataclass
class Container:
    """A container that runs, or ran."""

    spec: ContainerSpec
    log: ContainerLog
    streams: Stdio
    process: asyncio.subprocess.Process
    listeners: list[Listener] = field(default_factory=list)
    """Called with (stream, bytes) as output comes, and with empty bytes at the end: who is attached."""
    pid: int = 0
    """The first process of the container's PID namespace, as the host numbers it."""
    _pumps: list[asyncio.Task[None]] = field(default_factory=list)

    async def wait(self) -> int:
        """The exit code, once it ended and all its output is in the log; 128 + n for signal n."""
        code = await self.process.wait()
        await asyncio.gather(*self._pumps)
        if not self.log.ended:
            self.log.end()
            self.streams.close()
            for listener in tuple(self.listeners):
                listener("stdout", b"")
        return code if code >= 0 else 128 - code

    async def stop(self, grace_seconds: float) -> None:
        """SIGTERM, then after the grace period SIGKILL; returns when it has ended."""
        if self.process.returncode is None and grace_seconds > 0:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_seconds):
                    await self.process.wait()
        self.kill()
        await self.process.wait()

    def kill(self) -> None:
        """SIGKILL to all of it, now."""
        if self.process.returncode is None:
            # In this order: of a child killed by SIGKILL, unshare (util-linux 2.38) complains in the log and makes exit
            # code 1, unless it is gone before.
            with suppress(ProcessLookupError):
                self.process.kill()
            self._signal(signal.SIGKILL)

    def exec_argv(self, argv: Sequence[str]) -> list[str]:
        """The argument list that runs a command inside the container."""
        namespaces = ["--mount", "--uts", "--net", "--pid", "--root", f"--wd=/proc/{self.pid}/cwd"]
        return [_tool("nsenter"), f"--target={self.pid}", *namespaces, "--", "env", "-u", MARK, *argv]

    def terminal(self) -> Stdio:
        """A pseudo-terminal that the container knows by name."""
        return Stdio.pseudo_terminal(f"/proc/{self.pid}/root/dev/pts/ptmx")

    def _signal(self, number: signal.Signals) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def _pump(self, stream: str, descriptor: int) -> None:
        while data := await stdio.read(descriptor):
            self.log.append(stream, data)
            for listener in tuple(self.listeners):
                listener(stream, data)

    def _begin_pumps(self) -> None:
        sources = [("stdout", self.streams.stdout)]
        if self.streams.stderr is not None:
            sources.append(("stderr", self.streams.stderr))
        self._pumps = [asyncio.create_task(self._pump(stream, source)) for stream, source in sources]


async def start(spec: ContainerSpec, log: ContainerLog) -> Container:
    """Start a container, and return when its command is about to run.

    Raises :class:`NoCommand` if the image has no such command, ``OSError`` if its root cannot be made.
    """
    root = spec.folder / "root"
    root.mkdir(exist_ok=True)
    ready, ready_child = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(ready, False)
    streams = Stdio.pseudo_terminal() if spec.terminal else Stdio.pipes(spec.stdin)
    try:
        process = await spawn(_argv(spec, root, ready_child), streams, _environment(spec), (ready_child,))
    finally:
        os.close(ready_child)
    container = Container(spec, log, streams, process)
    container._begin_pumps()
    try:
        word = await stdio.read(ready)
    finally:
        os.close(ready)
    container.pid = _first_child(process.pid)
    if word.strip() != b"started":
        code = await container.wait()
        if word:
            raise NoCommand(spec.argv[0])
        raise OSError(f"the root of {spec.hostname} could not be made (exit code {code}); see {log.path}")
    return container


async def spawn(
    argv: Sequence[str], streams: Stdio, environment: Mapping[str, str], pass_fds: tuple[int, ...] = ()
) -> asyncio.subprocess.Process:
    """A child in a session of its own that dies with this process; closes the child's ends of ``streams``."""
    session = [_tool("setsid"), "--ctty"] if streams.terminal else [_tool("setsid")]
    try:
        return await asyncio.create_subprocess_exec(
            *(_tool("setpriv"), "--pdeathsig", "KILL", *session, *argv),
            stdin=streams.child[0],
            stdout=streams.child[1],
            stderr=streams.child[2],
            env={**environment, **_mark()},
            pass_fds=pass_fds,
        )
    finally:
        streams.close_child()


def _argv(spec: ContainerSpec, root: Path, ready: int) -> list[str]:
    apart = ["--mount", "--pid", "--uts", "--fork", "--kill-child"]
    shell = [str(spec.image / "bin" / "busybox"), "sh", "-c", f'exec 3>&{ready} {ready}>&-; . "$0"', str(images.SCRIPT)]
    inner = [*shell, str(root), str(spec.image), str(spec.folder / "etc"), spec.hostname, spec.directory, *spec.argv]
    enter = netns.command(spec.netns, [_tool("unshare"), *apart, "--", *inner])
    return [_tool(enter[0]), *enter[1:]]


def _environment(spec: ContainerSpec) -> dict[str, str]:
    # The script needs the image's tools by their place on the host, until it has its new root.
    return {**spec.environment, "CONTAINER_PATH": spec.environment["PATH"], "PATH": str(spec.image / "bin")}


def _mark() -> dict[str, str]:
    return {MARK: os.environ[MARK]} if MARK in os.environ else {}


def _first_child(pid: int) -> int:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(children[0]) if children else 0


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed; apt install util-linux")
    return path
