"""``/exec`` and ``/attach``: a command in a container, or the container's own streams, over a WebSocket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress

from aiohttp import web

from lab.nodes import containers, stdio
from lab.nodes.pods import PodKeeper
from lab.nodes.server.channels import CLOSE, RESIZE, STDERR, STDIN, STDOUT, Channels, outcome
from lab.nodes.server.lookup import find_container, flag
from lab.nodes.stdio import Stdio


class Commands:
    """The two handlers."""

    def __init__(self, keeper: PodKeeper) -> None:
        self._keeper = keeper

    async def exec(self, request: web.Request) -> web.StreamResponse:
        """Run ``?command=…&command=…``; ``stdin``, ``stdout``, ``stderr``, ``tty`` choose the streams."""
        worker, runner, container = find_container(self._keeper, request)
        argv = request.query.getall("command", [])
        if not argv:
            raise web.HTTPBadRequest(text="you must specify at least 1 command for the container")
        assert worker.home is not None
        environment = worker.home.environment(runner.spec)
        terminal = flag(request, "tty")
        if terminal:
            environment = {"TERM": "xterm", **environment}
        channels = await Channels.accept(request)
        streams = container.terminal() if terminal else Stdio.pipes(flag(request, "stdin", "input"))
        process = await containers.spawn(container.exec_argv(argv), streams, environment)
        try:
            code = await _converse(channels, streams, process)
            with suppress(ConnectionError):
                await channels.finish(outcome(code))
        finally:
            _kill_session(process)
            await process.wait()
            streams.close()
        return channels.socket

    async def attach(self, request: web.Request) -> web.StreamResponse:
        """The container's output from now on, and its input if it has one."""
        _, runner, container = find_container(self._keeper, request)
        channels = await Channels.accept(request)
        output: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

        def listener(stream: str, data: bytes) -> None:
            output.put_nowait((stream, data))

        container.listeners.append(listener)
        feed = asyncio.create_task(_feed(channels, container.streams, once=container.spec.stdin))
        forward = asyncio.create_task(_forward(channels, output))
        try:
            await asyncio.wait({feed, forward}, return_when=asyncio.FIRST_COMPLETED)
            if feed.done() and runner.spec.get("stdinOnce"):
                container.streams.close_stdin()
            feed.cancel()
            if forward.done() and not forward.exception():
                await channels.finish(outcome(0))  # how the container ended is told by the pod's status
        except ConnectionError:
            pass
        finally:
            container.listeners.remove(listener)
            feed.cancel()
            forward.cancel()
        return channels.socket


async def _converse(channels: Channels, streams: Stdio, process: asyncio.subprocess.Process) -> int:
    ended = asyncio.Event()
    pumps = [asyncio.create_task(_pump(channels, STDOUT, streams.stdout, ended))]
    if streams.stderr is not None:
        pumps.append(asyncio.create_task(_pump(channels, STDERR, streams.stderr, ended)))
    feed = asyncio.create_task(_feed(channels, streams))
    wait = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({feed, wait}, return_when=asyncio.FIRST_COMPLETED)
        if not wait.done():
            _kill_session(process)  # the client is gone: nobody waits for the rest
        code = await wait
        ended.set()
        for result in await asyncio.gather(*pumps, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, ConnectionError):
                raise result
        return code if code >= 0 else 128 - code
    finally:
        for task in (*pumps, feed, wait):
            task.cancel()


async def _pump(channels: Channels, channel: int, descriptor: int, ended: asyncio.Event) -> None:
    # After the command's end only what is there already counts: a child that it left behind may hold the pipe open.
    while data := await stdio.read(descriptor, ended):
        await channels.send(channel, data)


async def _feed(channels: Channels, streams: Stdio, once: bool = True) -> None:
    async for channel, data in channels.received():
        if channel == STDIN and streams.stdin is not None:
            with suppress(BrokenPipeError):
                await stdio.write(streams.stdin, data)
        elif channel == RESIZE:
            size = json.loads(data)
            streams.resize(int(size.get("Width", 80)), int(size.get("Height", 24)))
        elif channel == CLOSE and data == bytes([STDIN]) and once:
            streams.close_stdin()


async def _forward(channels: Channels, output: asyncio.Queue[tuple[str, bytes]]) -> None:
    while True:
        stream, data = await output.get()
        if not data:
            return
        await channels.send(STDOUT if stream == "stdout" else STDERR, data)


def _kill_session(process: asyncio.subprocess.Process) -> None:
    # Each command leads a process group of its own, its children inside the container included.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
