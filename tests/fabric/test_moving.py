"""A port moves from one node to another with its workload, and interfaces come and go at a node's switch."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest

from lab import netns
from lab.fabric import links
from lab.fabric.model import Layer2
from lab.fabric.node_switch import NodeSwitch, SwitchError

pytestmark = pytest.mark.lab
NODES = ("control-plane", "worker-1", "worker-2")
# Reverse ARP as QEMU sends it when a machine goes on at its new place.
_RARP = """
import socket, sys
mac = bytes.fromhex(sys.argv[1].replace(":", ""))
frame = b"\\xff" * 6 + mac + bytes.fromhex("8035" "0001" "0800" "06" "04" "0003") + mac + bytes(4) + mac + bytes(4)
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    link.bind(("eth0", 0))
    link.send(frame.ljust(60, b"\\0"))
"""


def test_port_moves_on_reverse_arp(bench):
    bench.run(bench.northbound.ensure_layer2(Layer2("ns7_move", ("10.70.0.0/24",), nodes=NODES)))
    mover = bench.workload("ns7_move", "worker-1", "10.70.0.5")
    witness = bench.workload("ns7_move", "worker-2", "10.70.0.6")
    assert witness.reaches(mover.ip)
    (port,) = [port for port in bench.run(bench.northbound.ports("ns7_move")) if port.name == mover.port]

    twin = bench.twin(mover, "worker-2")
    bench.port(port, nodes=("worker-1", "worker-2"))
    assert witness.asks(mover, "tcp", identity="still the source") == "still the source"

    mover.run("ip", "link", "set", "eth0", "down")
    twin.run(bench.python, "-c", _RARP, twin.mac)
    bench.run(bench.northbound.sync())
    assert witness.asks(twin, "tcp", identity="now the target") == "now the target"
    bench.run(bench.northbound.ensure_port(replace(port, nodes=("worker-2",))))
    bench.run(bench.northbound.wait_port_up(port.name, "worker-2"))
    bench.run(bench.northbound.sync())
    assert witness.asks(twin, "tcp", identity="the target alone") == "the target alone"


def plugged(bench, node):
    """The ports of that node's integration bridge, by its own database."""
    database = f"--db=unix:{bench.config.state / 'nodes' / node / 'db.sock'}"
    listed = subprocess.run(
        ["ovs-vsctl", database, "--timeout=20", "list-ports", "br-int"], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def test_many_interfaces_at_once_and_again(bench):
    node = bench.config.netns("worker-1")
    switch = NodeSwitch(bench.config, "worker-1")
    names = [f"many{number}" for number in range(12)]
    room = f"{bench.config.prefix}-many"
    netns.create(room)
    for name in names:
        links.create_cable((node, name), (room, name))

    async def both(change: Callable[[str], Coroutine[None, None, None]]) -> None:
        await asyncio.gather(*map(change, names))
        await asyncio.gather(*map(change, names))

    bench.run(both(lambda name: switch.plug(name, f"port-{name}")))
    assert set(names) <= plugged(bench, "worker-1")
    bench.run(both(switch.unplug))
    assert not set(names) & plugged(bench, "worker-1")
    netns.remove(room)


def test_interface_that_is_not_there_is_refused_by_name(bench):
    switch = NodeSwitch(bench.config, "worker-1")
    with pytest.raises(SwitchError, match="node worker-1: br-int does not take ghost0"):
        bench.run(switch.plug("ghost0", "port-ghost"))
    bench.run(switch.unplug("ghost0"))


def test_wait_for_a_port_that_never_comes_tells_which(bench):
    with pytest.raises(TimeoutError, match="port nobody to be up at worker-1"):
        bench.run(bench.northbound.wait_port_up("nobody", "worker-1", limit=0.1))
