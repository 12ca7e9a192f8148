"""A fabric of two nodes, and plain network namespaces as its workloads."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lab import netns
from lab.config import LabConfig
from lab.fabric import links
from lab.fabric.bringup import Fabric
from lab.fabric.model import Port, mac_of
from lab.fabric.node_switch import NodeSwitch
from lab.fabric.northbound import Northbound
from lab.faults.seams import Faults
from lab.processes import Processes, end, find

T = TypeVar("T")


def sh(namespace: str, *argv: str, limit: float = 20) -> subprocess.CompletedProcess[str]:
    """Run a command inside a namespace."""
    return subprocess.run(
        ["nsenter", f"--net=/run/netns/{namespace}", "--", *argv],
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


@dataclass(frozen=True)
class Workload:
    """A namespace with one interface ``eth0`` that is a port of a network."""

    namespace: str
    mac: str
    ip: str
    node: str
    interface: str
    port: str

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return sh(self.namespace, *argv)

    def reaches(self, address: str, *options: str) -> bool:
        """Whether pings are answered; the first may wait for address resolution."""
        return self.run("busybox", "ping", "-c", "3", "-W", "2", *options, address).returncode == 0


class Bench:
    """The fabric under test; coroutines run in one loop of the main thread, which owns the daemons."""

    def __init__(self, config: LabConfig, runner: asyncio.Runner) -> None:
        self.config = config
        self.runner = runner
        self.died: list[str] = []
        self.processes = Processes(config.name, config.state / "log", lambda name, status: self.died.append(name))
        self.northbound = Northbound(config.northbound, Faults(config.state))
        self._count = 0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def up(self) -> None:
        self.config.save()
        self.run(Fabric(self.config, self.processes).up())

    def down(self) -> None:
        self.run(self.northbound.close())
        self.run(self.processes.end([owned.name for owned in self.processes.owned()]))
        for name in links.namespaces(self.config.prefix):
            netns.remove(name)
        shutil.rmtree(self.config.state, ignore_errors=True)

    def workload(self, network: str, node: str, ip: str, **port: Any) -> Workload:
        """A workload at a node, its port up; configured by hand unless it asks for DHCP."""
        self._count += 1
        number = self._count
        namespace, interface = f"{self.config.prefix}-w{number}", f"w{number}"
        mac = mac_of(ip)
        made = Workload(namespace, mac, ip, node, interface, f"{network}_w{number}")
        netns.create(namespace)
        links.create_cable((self.config.netns(node), interface), (namespace, "eth0"), mac=mac)
        wanted = Port(made.port, network, mac, (ip,) if ip else (), (node,))
        self.run(self.northbound.ensure_port(replace(wanted, **port)))
        self.run(NodeSwitch(self.config, node).plug(interface, made.port))
        self.run(self.northbound.wait_port_up(made.port, node))
        if not port.get("dhcp"):
            links.configure(namespace, "eth0", f"{ip}/24", mtu=1400)
        return made


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    name = f"test-fabric-{os.getpid()}"
    # Not pytest's own folder: a unix socket's path has 107 characters at most.
    config = LabConfig.new(name, 2, Path("/run/udn-lab") / name)
    with asyncio.Runner() as runner:
        made = Bench(config, runner)
        try:
            made.up()
            yield made
            assert made.died == []
        finally:
            made.down()
            assert end(name, find(name)) == []
