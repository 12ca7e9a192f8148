"""From a VMI and its pod's NICs to a machine, and from what happens to it back to the VMI."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from lab.nodes.machines.masquerade import Port
from lab.nodes.sandbox import Interface, Sandbox
from lab.nodes.virt_handler import describe, status
from lab.nodes.virt_handler.describe import CannotRun

Object = dict[str, Any]

SECONDARY = "pod" + hashlib.sha256(b"blue").hexdigest()[:11]


def interface(name: str, network: str, role: str, address: str) -> Interface:
    return Interface(name, network, f"0a:58:{address[-2:]}", (f"{address}/24",), 1300, (), f"{network}_vm", role)


SANDBOX = Sandbox(
    "ns",
    {"metadata": {"uid": "pod-uid", "name": "virt-launcher-a", "namespace": "green"}},
    (
        interface("eth0", "default", "infrastructure-locked", "10.244.1.10"),
        interface("ovn-udn1", "green/net", "primary", "10.200.0.11"),
        interface(SECONDARY, "green/blue", "secondary", "10.201.0.12"),
    ),
)


def vmi(**spec: Any) -> Object:
    whole: Object = {
        "domain": {
            "memory": {"guest": "128Mi"},
            "devices": {
                "interfaces": [
                    {"name": "blue", "bridge": {}, "macAddress": "02-AA-BB-CC-DD-EE"},
                    {"name": "default", "binding": {"name": "l2bridge"}},
                ]
            },
        },
        "networks": [{"name": "default", "pod": {}}, {"name": "blue", "multus": {"networkName": "blue"}}],
    }
    return {
        "metadata": {"name": "a", "namespace": "green", "uid": "vmi-uid"},
        "spec": {**whole, **spec},
        "status": {"phase": "Scheduled", "nodeName": "worker-1"},
    }


def with_interface(**binding: Any) -> Object:
    return vmi(
        domain={"devices": {"interfaces": [{"name": "default", **binding}]}}, networks=[{"name": "default", "pod": {}}]
    )


def test_pod_networks_nic_comes_first_and_is_the_primary_networks() -> None:
    first, second = describe.attachments(vmi(), SANDBOX)
    assert (first.name, first.interface.name, first.mac) == ("default", "ovn-udn1", "0a:58:11")
    assert (second.name, second.interface.name, second.mac) == ("blue", SECONDARY, "02:aa:bb:cc:dd:ee")


@pytest.mark.parametrize("binding", ["passtBinding", "sriov"])
def test_bindings_that_are_not_to_be_had_are_named(binding: str) -> None:
    with pytest.raises(CannotRun, match=f"no binding {binding}"):
        describe.attachments(with_interface(**{binding: {}}), SANDBOX)


def test_guest_behind_its_pods_nic_has_an_address_of_its_own_and_declared_ports() -> None:
    (nic,) = describe.attachments(with_interface(masquerade={}, ports=[{"port": 80, "protocol": "UDP"}]), SANDBOX)
    assert nic.masquerade is not None
    assert (str(nic.masquerade.guest), str(nic.masquerade.gateway)) == ("10.0.2.2/24", "10.0.2.1/24")
    assert nic.masquerade.ports == (Port("udp", 80),)


def test_guest_behind_its_pods_nic_keeps_its_mac_when_it_moves() -> None:
    moved = with_interface(masquerade={})
    moved["status"]["interfaces"] = [{"name": "default", "mac": "0a:58:aa"}]
    assert describe.attachments(moved, SANDBOX)[0].mac == "0a:58:aa"


def test_nic_that_is_to_be_absent_is_left_out() -> None:
    assert describe.attachments(with_interface(bridge={}, state="absent"), SANDBOX) == ()


def test_network_that_the_pod_lacks_is_named() -> None:
    wanted = vmi(networks=[{"name": "default", "pod": {}}, {"name": "blue", "multus": {"networkName": "other/red"}}])
    bare = Sandbox("ns", SANDBOX.pod, SANDBOX.interfaces[:2])
    with pytest.raises(CannotRun, match="no interface on other/red"):
        describe.attachments(wanted, bare)


@pytest.mark.parametrize(("asked", "given"), [("16Mi", 96), ("128Mi", 128), ("200M", 190), ("4Gi", 512), (None, 96)])
def test_memory_is_honoured_within_reason(asked: str | None, given: int) -> None:
    assert describe.memory({"memory": {"guest": asked}} if asked else {}) == given


def test_machine_is_the_same_wherever_it_is_described() -> None:
    nics = describe.attachments(vmi(), SANDBOX)
    here, there = (describe.machine(vmi(), nics, Path(folder), True) for folder in ("/a", "/b"))
    assert here.disk != there.disk
    assert [here.name, here.uuid, here.nics] == [there.name, there.uuid, there.nics]
    assert describe.machine(vmi(startStrategy="Paused"), nics, Path("/a"), False).paused


def test_cloud_init_in_each_of_its_forms() -> None:
    encoded = base64.b64encode(b"#cloud-config\n").decode()
    forms: list[Object] = [
        {"userData": "#cloud-config\n"},
        {"userDataBase64": encoded},
        {"secretRef": {"name": "told"}},
    ]
    for form in forms:
        asked = vmi(volumes=[{"name": "disk", "containerDisk": {}}, {"name": "ci", "cloudInitNoCloud": form}])
        found = describe.cloud_init(asked, {"told": {"userdata": encoded}})
        assert found is not None
        assert (found.user_data, found.hostname, found.network_config) == ("#cloud-config\n", "a", "")
    assert describe.secret_names(vmi(volumes=[{"name": "ci", "cloudInitNoCloud": forms[2]}])) == ["told"]
    assert describe.cloud_init(vmi(), {}) is None


def test_cloud_init_that_cannot_be_decoded() -> None:
    asked = vmi(volumes=[{"name": "ci", "cloudInitNoCloud": {"userDataBase64": "/w=="}}])
    with pytest.raises(CannotRun, match="userData cannot be decoded"):
        describe.cloud_init(asked, {})


def test_running_tells_addresses_and_sources() -> None:
    told = status.running(vmi(), describe.attachments(vmi(), SANDBOX), paused=False)["status"]
    assert told["phase"] == "Running"
    first, second = told["interfaces"]
    assert first == {
        "name": "default",
        "ipAddress": "10.200.0.11",
        "ipAddresses": ["10.200.0.11"],
        "mac": "0a:58:11",
        "podInterfaceName": "ovn-udn1",
        "interfaceName": "eth0",
        "infoSource": "domain",
        "queueCount": 1,
        "linkState": "up",
    }
    assert (second["name"], second["infoSource"]) == ("blue", "domain, multus-status")
    assert vmi()["status"]["phase"] == "Scheduled"


def test_pause_is_a_condition_that_goes() -> None:
    paused = status.with_pause(vmi(), True)
    assert [condition["reason"] for condition in paused["status"]["conditions"]] == ["PausedByUser"]
    assert status.with_pause(paused, False)["status"]["conditions"] == []


def test_facts_of_a_migration_go_to_that_migration_alone() -> None:
    moving = vmi()
    moving["status"]["migrationState"] = {"migrationUid": "m1"}
    fresh = status.with_migration(moving, "m1", completed=True)
    assert fresh is not None
    assert fresh["status"]["migrationState"] == {"migrationUid": "m1", "completed": True}
    assert status.with_migration(moving, "m2", completed=True) is None
    assert status.with_migration(fresh, "m1", failed=True) is None, "it is over"


def test_end_of_a_guest() -> None:
    assert status.ended(vmi(), True, "the guest shut down")["status"]["phase"] == "Succeeded"
    crashed = status.ended(vmi(), False, "QEMU was killed by signal 9")["status"]
    assert (crashed["phase"], crashed["reason"]) == ("Failed", "QEMU was killed by signal 9")
