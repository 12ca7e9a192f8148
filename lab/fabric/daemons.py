"""Command lines of the OVSDB, OVS and OVN daemons; each keeps to a run directory of its own and to unix sockets."""

from __future__ import annotations

import os
from pathlib import Path

from ovs.unixctl.client import UnixctlClient

from lab.config import Node
from lab.fabric.model import mac_of

OVS_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
NORTHBOUND_SCHEMA = Path("/usr/share/ovn/ovn-nb.ovsschema")
SOUTHBOUND_SCHEMA = Path("/usr/share/ovn/ovn-sb.ovsschema")
DATAPATH = "netdev"  # in user space: no kernel module is needed
INTEGRATION_BRIDGE = "br-int"
PHYSICAL_BRIDGE = "br-phy"
# To standard error alone, which the owner of the process turns into its log.
_LOGGING = ["-vsyslog:off", "-vfile:off", "-vconsole:info"]


def environment(directory: Path) -> dict[str, str]:
    """What keeps a daemon from the machine's own run directories."""
    return {f"{project}_{kind}": str(directory) for project in ("OVS", "OVN") for kind in ("RUNDIR", "DBDIR", "LOGDIR")}


def database(directory: Path, name: str) -> list[str]:
    """An OVSDB server of ``<name>.db`` that listens on ``<name>.sock``."""
    return [
        "ovsdb-server",
        f"--remote=punix:{directory / name}.sock",
        f"--unixctl={directory / name}.ctl",
        f"--pidfile={directory / name}.pid",
        *_LOGGING,
        f"{directory / name}.db",
    ]


def northd(directory: Path) -> list[str]:
    """Turns the northbound database into the southbound one."""
    return [
        "ovn-northd",
        f"--ovnnb-db=unix:{directory}/nb.sock",
        f"--ovnsb-db=unix:{directory}/sb.sock",
        f"--unixctl={directory}/ovn-northd.ctl",
        f"--pidfile={directory}/ovn-northd.pid",
        *_LOGGING,
    ]


def vswitchd(directory: Path) -> list[str]:
    """A node's switch, which finds tunnels' ends by the routes that it is told alone.

    The system's it would forget and read again whenever an interface comes or goes, and lose packets of tunnels, in
    both directions, meanwhile.
    """
    return [
        "ovs-vswitchd",
        "--disable-system-route",
        f"unix:{directory}/db.sock",
        f"--unixctl={directory}/ovs-vswitchd.ctl",
        f"--pidfile={directory}/ovs-vswitchd.pid",
        *_LOGGING,
    ]


def controller(directory: Path) -> list[str]:
    """Turns the southbound database into a node's flows. Its control socket bears its pid: it takes no other name."""
    return [
        "ovn-controller",
        f"unix:{directory}/db.sock",
        f"--pidfile={directory}/ovn-controller.pid",
        *_LOGGING,
    ]


def control(socket: Path, command: str, *arguments: str) -> str:
    """What a daemon answers on its control socket; ``OSError`` if it does not or refuses."""
    code, client = UnixctlClient.create(str(socket))
    if code:
        raise OSError(code, f"no daemon answers at {socket}: {os.strerror(code)}")
    try:
        code, refusal, answer = client.transact(command, list(arguments))
    finally:
        client.close()
    if code or refusal is not None:
        raise OSError(code, f"{command} at {socket}: {refusal or os.strerror(code)}")
    return str(answer)


def node_settings(node: Node, southbound: Path) -> list[str]:
    """Arguments of ``ovs-vsctl`` that make a fresh node database that of ``node``."""
    settings = {
        "system-id": node.name,
        "hostname": node.name,
        "ovn-remote": f"unix:{southbound}",
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": node.address,
        "ovn-bridge": INTEGRATION_BRIDGE,
        "ovn-bridge-datapath-type": DATAPATH,
        "ovn-bridge-mappings": f"physnet:{PHYSICAL_BRIDGE}",
        "ovn-monitor-all": "false",
        "ovn-remote-probe-interval": "0",
        "ovn-openflow-probe-interval": "0",
    }
    ids = [f"external_ids:{key}={value}" for key, value in settings.items()]
    bridges: list[str] = []
    for bridge, mode in ((INTEGRATION_BRIDGE, "secure"), (PHYSICAL_BRIDGE, "standalone")):
        bridges += ["--", "add-br", bridge, "--", "set", "Bridge", bridge, f"datapath_type={DATAPATH}"]
        bridges += [f"fail_mode={mode}", "other_config:disable-in-band=true"]
    bridges += [f'other_config:hwaddr="{mac_of(node.address)}"']  # the last one's, br-phy: others count on it
    return ["set", "Open_vSwitch", ".", *ids, *bridges, "--", "add-port", PHYSICAL_BRIDGE, "phy0"]
