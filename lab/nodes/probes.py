"""Liveness and readiness probes: exec in the container, TCP and HTTP from the node to the pod's ``eth0`` address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_interface
from typing import Any

from lab import netns
from lab.nodes import containers, stdio
from lab.nodes.containers import Container
from lab.nodes.home import PodHome
from lab.nodes.stdio import Stdio

Object = dict[str, Any]
Tell = Callable[[str], Awaitable[None]]

_LONGEST_ANSWER = 10_240


class ProbeFailed(Exception):
    """A probe's answer was no."""


async def watch_container(
    home: PodHome, spec: Object, container: Container | None, ready: Callable[[bool], None], dead: Tell, unhealthy: Tell
) -> None:
    """Probe a container until cancelled; ``dead`` is told once, when the liveness probe has failed often enough.

    A launcher's machine has no container: its probes ask the pod's address, and no command can be run.
    """

    async def liveness(good: bool) -> None:
        if not good:
            await dead(f"Container {spec['name']} failed liveness probe, will be restarted")

    async def readiness(good: bool) -> None:
        ready(good)

    async with asyncio.TaskGroup() as group:
        if probe := spec.get("livenessProbe"):
            group.create_task(_repeat("Liveness", probe, home, spec, container, liveness, unhealthy))
        if probe := spec.get("readinessProbe"):
            group.create_task(_repeat("Readiness", probe, home, spec, container, readiness, unhealthy))


async def _repeat(
    kind: str,
    probe: Object,
    home: PodHome,
    spec: Object,
    container: Container | None,
    verdict: Callable[[bool], Awaitable[None]],
    unhealthy: Tell,
) -> None:
    needed = {True: probe.get("successThreshold") or 1, False: probe.get("failureThreshold") or 3}
    run, last = 0, None
    await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
    while True:
        try:
            async with asyncio.timeout(probe.get("timeoutSeconds") or 1):
                await _once(probe, home, spec, container)
            good = True
        except (ProbeFailed, OSError) as error:
            good = False
            why = str(error) or "timed out"
            await unhealthy(f"{kind} probe failed: {why}")
        run = run + 1 if good == last else 1
        last = good
        if run >= needed[good]:
            await verdict(good)
        await asyncio.sleep(probe.get("periodSeconds") or 10)


async def _once(probe: Object, home: PodHome, spec: Object, container: Container | None) -> None:
    if command := (probe.get("exec") or {}).get("command"):
        await _exec(command, home, spec, container)
    elif http := probe.get("httpGet"):
        await _http(http, home, spec)
    elif tcp := probe.get("tcpSocket"):
        _, writer = await netns.connect(*_target(tcp, home, spec))
        writer.close()


async def _exec(command: list[str], home: PodHome, spec: Object, container: Container | None) -> None:
    if container is None:
        raise ProbeFailed("the machine has no guest agent to run a command")
    streams = Stdio.pipes(stdin=False)
    process = await containers.spawn(container.exec_argv(command), streams, home.environment(spec))
    try:
        output = await stdio.read(streams.stdout)
        code = await process.wait()
    finally:
        streams.close()
        if process.returncode is None:
            process.kill()
    if code:
        raise ProbeFailed(output.decode(errors="replace").strip() or f"exit code {code}")


async def _http(http: Object, home: PodHome, spec: Object) -> None:
    namespace, host, port = _target(http, home, spec)
    reader, writer = await netns.connect(namespace, host, port)
    try:
        path = http.get("path") or "/"
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: kube-probe\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        line = (await reader.readline())[:_LONGEST_ANSWER].decode(errors="replace").split()
    finally:
        writer.close()
    code = int(line[1]) if len(line) > 1 and line[1].isdigit() else 0
    if not 200 <= code < 400:
        raise ProbeFailed(f"HTTP probe failed with statuscode: {code}")


def _target(probe: Object, home: PodHome, spec: Object) -> tuple[str, str, int]:
    """The namespace to connect from, and to what address and port."""
    port = probe["port"]
    if isinstance(port, str) and not port.isdigit():
        port = next((entry["containerPort"] for entry in spec.get("ports") or () if entry.get("name") == port), 0)
    nics = home.sandbox.interfaces
    address = str(ip_interface(nics[0].ips[0]).ip) if nics and nics[0].ips else "127.0.0.1"
    target = (home.context.netns, str(probe.get("host") or address), int(port))
    return home.context.faults.decide("probe.target", target, sandbox=home.sandbox)
