"""A fabric of two nodes, and plain network namespaces as its workloads."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lab import leftovers, netns
from lab.config import LabConfig
from lab.fabric import links
from lab.fabric.bringup import Fabric
from lab.fabric.model import Port, mac_of
from lab.fabric.node_switch import NodeSwitch
from lab.fabric.northbound import Northbound
from lab.faults.seams import Faults
from lab.processes import Processes, end, find

T = TypeVar("T")
DONT_FRAGMENT = Path(__file__).with_name("dont_fragment.py")


# Answers one line to the first who asks, after telling that it listens.
_ANSWER = """
import socket, sys
kind, address, identity = sys.argv[1:]
with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as server:
    server.bind((address, 5000))
    if kind == "tcp":
        server.listen()
    print("listening", flush=True)
    if kind == "tcp":
        client, _ = server.accept()
        client.sendall(identity.encode())
        client.close()
    else:
        _, client = server.recvfrom(100)
        server.sendto(identity.encode(), client)
"""
_ASK = """
import socket, sys
kind, address, port = sys.argv[1:]
with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as client:
    client.settimeout(10)
    client.connect((address, int(port)))
    client.send(b"who?")
    print(client.recv(100).decode(), end="")
"""


@dataclass(frozen=True)
class Workload:
    """A namespace with one interface ``eth0`` that is a port of a network."""

    namespace: str
    mac: str
    ip: str
    node: str
    interface: str
    port: str

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        inside = netns.command(self.namespace, argv)
        return subprocess.run(inside, capture_output=True, text=True, timeout=60, check=False, env=env)

    def reaches(self, address: str, *options: str, count: int = 2) -> bool:
        """Whether every ping is answered."""
        done = self.run("busybox", "ping", "-c", str(count), "-i", "0.1", "-W", "1", *options, address)
        return f"{count} packets received" in done.stdout

    def ping_unfragmented(self, address: str, size: int) -> subprocess.CompletedProcess[str]:
        """One ping whose IP packet has ``size`` bytes and must not be fragmented."""
        return self.run(sys.executable, str(DONT_FRAGMENT), address, str(size))

    def asks(self, other: Workload, kind: str, identity: str = "") -> str:
        """What ``other`` answers by TCP or UDP."""
        serve = [sys.executable, "-c", _ANSWER, kind, other.ip, identity or f"{other.ip} answers"]
        with subprocess.Popen(netns.command(other.namespace, serve), stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                assert server.stdout.readline() == "listening\n"
                return self.asks_at(other.ip, 5000, kind)
            finally:
                server.kill()

    def asks_at(self, address: str, port: int, kind: str) -> str:
        """What is answered at a port by TCP or UDP; nothing after ten seconds."""
        return self.run(sys.executable, "-c", _ASK, kind, address, str(port)).stdout


class Bench:
    """The fabric under test; coroutines run in one loop of the main thread, which owns the daemons."""

    python = sys.executable

    def __init__(self, config: LabConfig, runner: asyncio.Runner) -> None:
        self.config = config
        self.runner = runner
        self.died: list[str] = []
        self.processes = Processes(config.name, config.state / "log", lambda name, status: self.died.append(name))
        self.northbound = Northbound(config.northbound, Faults(config.state))
        self._count = 0
        self._given: set[tuple[str, str]] = set()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def up(self) -> None:
        self.config.save()
        self.run(Fabric(self.config, self.processes).up())

    def twin(self, workload: Workload, node: str) -> Workload:
        """A second namespace with the same MAC, address and port at another node, as a migration's target has."""
        self._count += 1
        namespace, interface = f"{self.config.prefix}-w{self._count}", f"w{self._count}"
        netns.create(namespace)
        links.create_cable((self.config.netns(node), interface), (namespace, "eth0"), mac=workload.mac)
        links.configure(namespace, "eth0", f"{workload.ip}/24", mtu=1400)
        self.run(NodeSwitch(self.config, node).plug(interface, workload.port))
        return replace(workload, namespace=namespace, node=node, interface=interface)

    def at_node(self, node: str, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command at a node itself."""
        inside = netns.command(self.config.netns(node), argv)
        return subprocess.run(inside, capture_output=True, text=True, timeout=60, check=False)

    def port(self, port: Port, **changes: Any) -> None:
        """Change a port and wait until every node has followed."""
        self.run(self.northbound.ensure_port(replace(port, **changes)))
        self.run(self.northbound.sync())

    def mentions(self, *words: str) -> bool:
        """Whether the northbound database still speaks of something."""
        dump = ["ovsdb-client", "dump", f"unix:{self.config.northbound}"]
        told = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
        return any(word in told for word in words)

    def down(self) -> None:
        self.run(self.northbound.close())
        self.run(self.processes.end([owned.name for owned in self.processes.owned()]))
        for name in leftovers.namespaces(self.config.prefix):
            netns.remove(name)
        shutil.rmtree(self.config.state, ignore_errors=True)

    def workload(self, network: str, node: str, ip: str, **port: Any) -> Workload:
        """A workload at a node, its port up and known at every node; configured by hand unless it asks for DHCP."""
        # The fabric is one for all files of tests: two workloads with one address answer for each other.
        assert not ip or (network, ip) not in self._given, f"{ip} is given already on {network}"
        self._given.add((network, ip))
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
        # Its own node may be ahead of the others, which would drop what is sent to it.
        self.run(self.northbound.sync())
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
