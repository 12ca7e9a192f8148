"""Rules for frames: that nftables takes what each fault gives, in a namespace of its own."""

import asyncio
import json
import os
import shutil

import pytest

from lab import netns
from lab.faults import definitions, seams
from lab.faults.seams import Faults
from lab.nodes.machines.plumbing import filter_frames
from lab.nodes.sandbox import Interface, Sandbox
from lab.nodes.virt_handler.describe import Attachment

definitions.load()
FILTERING = sorted(seams._REGISTRY["machine.filter"])
NIC = Interface("ovn-udn1", "ns/net", "0a:58:0a:c8:00:03", ("10.200.0.3/24",), 1400, ("10.200.0.1",), "port", "primary")
BESIDE = Interface(
    "ovn-udn1", "ns/net", "0a:58:0a:c8:00:04", ("10.200.0.4/24",), 1400, ("10.200.0.1",), "p2", "primary"
)


def pod(uid, nic):
    return Sandbox(f"ns-{uid}", {"metadata": {"uid": uid}}, (nic,))


def rules(state, fault, node="worker-1", incoming=True):
    (state / "faults.json").write_text(json.dumps([fault]))
    facts = {"vmi": {"metadata": {"uid": "vmi-1"}}, "node": node, "sandbox": pod("a", NIC)}
    nics = (Attachment("default", NIC.mac, NIC, True),)
    beside = (pod("b", BESIDE),)
    return Faults(state).decide("machine.filter", "", nics=nics, incoming=incoming, beside=beside, **facts)


@pytest.fixture
def namespace():
    if os.geteuid() or shutil.which("nft") is None:
        pytest.skip("needs root and nft")
    name = f"fltest-{os.getpid()}"
    netns.create(name)
    yield name
    netns.remove(name)


@pytest.mark.parametrize("fault", FILTERING)
def test_nftables_takes_the_rules(tmp_path, namespace, fault):
    text = rules(tmp_path, fault)
    assert text.startswith("table bridge ")
    asyncio.run(filter_frames(namespace, text))


def test_rules_that_are_none_are_told_in_one_line(namespace):
    with pytest.raises(OSError, match=rf"nft in {namespace}: .*syntax error"):
        asyncio.run(filter_frames(namespace, "table bridge broken {"))


def test_a_machine_is_cut_off_where_it_has_been_before(tmp_path):
    fault = "dead-port-on-return"
    assert "drop" not in rules(tmp_path, fault, "worker-3", incoming=False)
    assert "drop" not in rules(tmp_path, fault, "worker-4")
    assert "drop" in rules(tmp_path, fault, "worker-3")


def test_faults_of_migration_spare_machines_that_start(tmp_path):
    for fault in ("cut-off-10s-by-migration", "sessions-reset-by-migration", "gateway-mac-changes-with-node"):
        assert "iifname" not in rules(tmp_path, fault, incoming=False)
        assert "tap-" in rules(tmp_path, fault, incoming=True)
