"""Two pods' namespaces and a peer's on one plain switch, and a way to talk to guests: machines without a lab."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pyroute2 import IPRoute

from lab import netns
from lab.guest import image
from lab.nodes.machines import plumbing, saved_state
from lab.nodes.machines.acceleration import accelerator
from lab.nodes.machines.cloud_init import CloudInit, write_disk
from lab.nodes.machines.command import COLD_BOOT, Beginning, MachineSpec, Nic
from lab.nodes.machines.console import Attachment
from lab.nodes.machines.machine import Host, Machine
from lab.nodes.machines.plumbing import Cable
from lab.nodes.machines.saved_state import SavedStates

PREFIX = f"ml{os.getpid():x}"
SWITCH, PEER = f"{PREFIX}-switch", f"{PREFIX}-peer"
PODS = (f"{PREFIX}-pod0", f"{PREFIX}-pod1")
MAC, GUEST, PEER_ADDRESS, MTU = "0a:58:0a:09:00:05", "10.9.0.5", "10.9.0.1", 1300
UUID = "6a1a24a1-4061-4607-8bf4-a3963d0c5895"
PATIENCE = 180.0  # seconds: for a machine that has much else to do
_PROMPT = rb"(?:\$|#) \x1b\[6n"
_LEASES = f"""
start {GUEST}
end {GUEST}
interface nic
lease_file /dev/null
pidfile /dev/null
static_lease {MAC} {GUEST}
option subnet 255.255.255.0
option router {PEER_ADDRESS}
option dns 10.9.0.53
option mtu {MTU}
option lease 60
option staticroutes 0.0.0.0/0 {PEER_ADDRESS}, 192.0.2.0/24 10.9.0.9
"""


@dataclass
class Dialogue:
    """A client of a guest's console."""

    client: Attachment
    heard: bytes = b""

    async def expect(self, pattern: bytes) -> bytes:
        """What the guest says up to a match of ``pattern``, and that."""
        async with asyncio.timeout(PATIENCE):
            while (found := re.search(pattern, self.heard)) is None:
                data = await self.client.read()
                assert data, f"the console ended; heard: {self.heard[-300:]!r}"
                self.heard += data
        said, self.heard = self.heard[: found.end()], self.heard[found.end() :]
        return said

    async def log_in(self, password: str) -> None:
        """From the login prompt to the shell's."""
        await self.expect(rb"login: ")
        await self.client.write(b"lab\n")
        await self.expect(rb"Password: ")
        await self.client.write(password.encode() + b"\n")
        await self.expect(_PROMPT)

    async def run(self, command: str) -> str:
        """A command's output."""
        await self.client.write(f"echo beg''in; {command}; echo 'e'nd\n".encode())
        await self.expect(rb"begin\r\n")
        said = await self.expect(rb"end\r\n")
        await self.expect(_PROMPT)
        return said.removesuffix(b"end\r\n").decode().replace("\r\n", "\n").strip()


async def build() -> None:
    """Make the namespaces: each with a NIC to the switch, the pods' ones with the guest's MAC, as one workload's."""
    for name in (SWITCH, PEER, *PODS):
        await asyncio.to_thread(netns.create, name)
    await netns.inside(SWITCH, _build)
    for name in (PEER, *PODS):
        await netns.inside(name, _bring_up, name == PEER)


async def tear_down() -> None:
    """Remove them."""
    for name in (SWITCH, PEER, *PODS):
        await asyncio.to_thread(netns.remove, name)


def serve_leases(folder: Path) -> subprocess.Popen[bytes]:
    """A DHCP server at the peer's."""
    (folder / "leases.conf").write_text(_LEASES)
    argv = netns.command(PEER, [_busybox(), "udhcpd", "-f", str(folder / "leases.conf")])
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def start(pod: int, folder: Path, beginning: Beginning = COLD_BOOT) -> Machine:
    """A machine in a pod, its NIC plumbed."""
    return await Machine.start(*await prepared(pod, folder), beginning)


async def start_from_saved_state(pod: int, folder: Path) -> Machine:
    """The same, from a saved state."""
    spec, host = await prepared(pod, folder)
    states = SavedStates(host.image, host.accelerator)
    return await saved_state.start(spec, host, await states.of(spec.memory, spec.processors))


async def prepared(pod: int, folder: Path) -> tuple[MachineSpec, Host]:
    """What a machine in a pod is started with, its NIC plumbed."""
    built = image.ensure()
    cable = Cable("ovn-udn1", MTU)
    if not await netns.inside(PODS[pod], lambda links: links.link_lookup(ifname=cable.tap)):
        await plumbing.lay(PODS[pod], [cable])
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    write_disk(CloudInit("id", "vm1", "#cloud-config\npassword: secret\n"), folder / "cidata.iso")
    spec = MachineSpec("vm1", UUID, 96, 1, (Nic(cable.tap, MAC, MTU),), folder / "cidata.iso")
    return spec, Host(built, await accelerator(built), PODS[pod], folder)


async def ping(count: int, wait: int = 20) -> str:
    """What ping at the peer's says of the guest."""
    return await at_peer(_busybox(), "ping", "-c", str(count), "-W", str(wait), GUEST)


async def at_peer(*argv: str) -> str:
    """Output of a command at the peer's."""
    process = await asyncio.create_subprocess_exec(*netns.command(PEER, argv), stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()


def _busybox() -> str:
    busybox = shutil.which("busybox")
    assert busybox, "busybox is not installed"
    return busybox


def _build(links: IPRoute) -> None:
    links.link("add", ifname="br0", kind="bridge", br_forward_delay=0)
    bridge = links.link_lookup(ifname="br0")[0]
    links.link("set", index=bridge, state="up")
    for number, name in enumerate((PEER, *PODS)):
        with (netns.FOLDER / name).open() as far:
            mac = {"address": MAC} if name in PODS else {}
            peer = {"ifname": "ovn-udn1" if name in PODS else "nic", "net_ns_fd": far.fileno(), "mtu": MTU, **mac}
            links.link("add", ifname=f"port{number}", kind="veth", mtu=MTU, peer=peer)
        port = links.link_lookup(ifname=f"port{number}")[0]
        links.link("set", index=port, master=bridge, state="up")


def _bring_up(links: IPRoute, is_peer: bool) -> None:
    index = links.link_lookup(ifname="nic" if is_peer else "ovn-udn1")[0]
    links.addr("add", index=index, address=PEER_ADDRESS if is_peer else GUEST, prefixlen=24)
    # Two pods of one workload have one MAC and one address: only the lab's fabric keeps the second one silent.
    links.link("set", index=index, state="up" if is_peer else "down")
