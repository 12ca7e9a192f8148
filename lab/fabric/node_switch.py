"""A node's own switch: puts interfaces of the node's namespace into its integration bridge and takes them out."""

from __future__ import annotations

import asyncio

from lab.config import LabConfig
from lab.fabric.daemons import DATAPATH, INTEGRATION_BRIDGE

PLUG_LIMIT = 20  # seconds


class SwitchError(Exception):
    """The node's switch refused an interface or did not answer."""


class NodeSwitch:
    """Ports of one node's ``br-int``. Calls may overlap, and may be repeated."""

    def __init__(self, config: LabConfig, node: str) -> None:
        self._node = config.node(node).name
        self._database = f"--db=unix:{config.state / 'nodes' / node / 'db.sock'}"

    async def plug(self, interface: str, iface_id: str) -> None:
        """Make ``interface``, which is in the node's namespace, the logical switch port ``iface_id``.

        Returns when the switch has the port (OVN binds it a moment later); raises :class:`SwitchError`.
        """
        await self._add(interface, iface_id, "system")

    async def plug_internal(self, interface: str, iface_id: str) -> None:
        """Make a new interface of the node itself that is the logical switch port ``iface_id``."""
        await self._add(interface, iface_id, "internal")

    async def commit_without_nat(self) -> None:
        """Have OVN, which is not started yet, commit filtered sessions to the connection tracker as they are.

        OVN would have them translated to themselves. OVS 3.1's tracker in user space keeps such a session twice, and
        aborts the whole switch (``conn_update_state``) when a packet comes for one that has expired and is not cleaned
        up yet: the fifth SYN to a machine that does not answer, half a minute after the first.
        """
        # Once it has its row, the switch writes what it can; OVN reads it there.
        row = await self._datapath()
        if not row:
            datapath = ["--", "--id=@datapath", "create", "Datapath", "datapath_version=0"]
            await self._vsctl(*datapath, "--", "set", "Open_vSwitch", ".", f"datapaths:{DATAPATH}=@datapath")
            row = await self._datapath()
        await self._vsctl("wait-until", "Datapath", row, "capabilities:ct_zero_snat=true")
        await self._vsctl("set", "Datapath", row, "capabilities:ct_zero_snat=false")

    async def forget_capabilities(self) -> None:
        """Clear what the switch, which does not run now, can do: it writes it anew when it starts."""
        await self._vsctl("--no-wait", "clear", "Datapath", await self._datapath(), "capabilities")

    async def wait_installed(self, interface: str) -> None:
        """Return when OVN has bound the port and put its flows in place; :class:`SwitchError` after the limit."""
        await self._vsctl("wait-until", "Interface", interface, "external_ids:ovn-installed=true")

    async def unplug(self, interface: str) -> None:
        """Take ``interface`` out, whether it is there or not, still exists or not."""
        await self._vsctl("--if-exists", "del-port", INTEGRATION_BRIDGE, interface)

    async def _add(self, interface: str, iface_id: str, kind: str) -> None:
        settings = [f"type={kind}", f"external_ids:iface-id={iface_id}"]
        add = ["--may-exist", "add-port", INTEGRATION_BRIDGE, interface, "--", "set", "Interface", interface]
        await self._vsctl(*add, *settings)
        refused = await self._vsctl("get", "Interface", interface, "error")
        if refused != "[]":
            await self.unplug(interface)
            raise SwitchError(f"node {self._node}: {INTEGRATION_BRIDGE} does not take {interface}: {refused}")

    async def _datapath(self) -> str:
        return await self._vsctl("--if-exists", "get", "Open_vSwitch", ".", f"datapaths:{DATAPATH}")

    async def _vsctl(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *["ovs-vsctl", self._database, f"--timeout={PLUG_LIMIT}", *arguments],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        if process.returncode:
            raise SwitchError(f"node {self._node}: ovs-vsctl {' '.join(arguments)}: {errors.decode().strip()}")
        return output.decode().strip()
