"""A node's switch does what its flow tables say now, however often they have changed."""

from __future__ import annotations

import subprocess

import pytest

from lab import netns
from lab.fabric import links
from lab.fabric.daemons import control

pytestmark = pytest.mark.lab
BRIDGE = "br-trial"
ENDS = ("near", "far", "away")
IN_NARROW, IN_WIDE, ELSEWHERE = "10.1.2.2", "10.1.0.2", "10.3.0.2"
NARROW, WIDE = "in_port=near,ip,nw_dst=10.1.2.0/24", "in_port=near,ip,nw_dst=10.1.0.0/16"


class Trial:
    """A bridge of a node's switch, and a workload at each of its three ports."""

    def __init__(self, bench, node):
        self._bench = bench
        self._space = bench.config.netns(node)
        self._directory = bench.config.state / "nodes" / node
        self.workloads = {end: f"{bench.config.prefix}-{end}" for end in ENDS}

    def up(self):
        self._vsctl("add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=netdev", "fail_mode=secure")
        for end, name in self.workloads.items():
            netns.create(name)
            links.create_cable((self._space, end), (name, "eth0"))
            self._vsctl("add-port", BRIDGE, end)
        links.configure(self.workloads["near"], "eth0", "10.1.0.1/16", "10.3.0.1/16")
        links.configure(
            self.workloads["far"], "eth0", *(f"{address}/16" for address in (IN_NARROW, IN_WIDE, ELSEWHERE))
        )

    def down(self):
        self._vsctl("del-br", BRIDGE)
        for name in self.workloads.values():
            netns.remove(name)

    def sends(self, matching, end):
        """Have the switch send what matches to a port, and nothing else of the like; all flows follow."""
        always = (
            "arp,actions=NORMAL",
            "in_port=far,ip,actions=output:near",
            "in_port=near,ip,nw_dst=10.3.0.0/16,actions=output:far",
        )
        socket = f"unix:{self._directory}/{BRIDGE}.mgmt"
        table = "\n".join([*always, f"{matching},actions=output:{end}"])
        subprocess.run(["ovs-ofctl", "--bundle", "replace-flows", socket, "-"], input=table, text=True, check=True)
        control(self._directory / "ovs-vswitchd.ctl", "revalidator/wait")

    def reaches(self, address):
        """Whether the workload at the far port answers the one at the near port."""
        ping = ["busybox", "ping", "-c", "1", "-W", "2", address]
        done = subprocess.run(netns.command(self.workloads["near"], ping), capture_output=True, check=False)
        return done.returncode == 0

    def _vsctl(self, *arguments):
        subprocess.run(["ovs-vsctl", f"--db=unix:{self._directory}/db.sock", *arguments], check=True)


@pytest.fixture
def trial(bench):
    made = Trial(bench, "worker-1")
    made.up()
    yield made
    made.down()


def test_every_flow_follows_the_tables(trial):
    """OVS 3.1 takes one flow for another whose wildcards cover it, and then leaves it what it was."""
    trial.sends(NARROW, "far")
    # First, so that flows for as many addresses as the wide rule's are looked up before those of the narrow one.
    assert trial.reaches(ELSEWHERE)
    assert trial.reaches(IN_NARROW)
    trial.sends(WIDE, "away")
    assert not trial.reaches(IN_WIDE)
    # Two flows overlap now. What is to change that of the narrow rule would find the wide one's …
    trial.sends(WIDE, "far")
    assert trial.reaches(IN_WIDE)
    # … which goes, and would leave the other to lead away.
    trial.sends(NARROW, "far")
    assert trial.reaches(IN_NARROW)
