"""What KubeVirt's admission refuses, and in which words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lab.controllers.kubevirt.admission import causes, instances, migrations

Object = dict[str, Any]
POD: Object = {"name": "default", "pod": {}}
BLUE: Object = {"name": "blue", "multus": {"networkName": "blue"}}
L2: Object = {"name": "default", "binding": {"name": "l2bridge"}}
BRIDGE: Object = {"name": "blue", "bridge": {}}
SPEC = "spec.domain.devices.interfaces"


def messages(interfaces: list[Object], networks: list[Object], **spec: Any) -> list[str]:
    """What is wrong with a VMI of these."""
    whole = {"domain": {"devices": {"interfaces": interfaces}}, "networks": networks, **spec}
    return [cause.message for cause in instances.instance_causes("spec", whole)]


def test_what_is_right_passes() -> None:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    assert messages([{**L2, "macAddress": "02:00:00:00:00:01", "ports": ports}, BRIDGE], [POD, BLUE]) == []


@pytest.mark.parametrize(
    ("interfaces", "networks", "message"),
    [
        (
            [{"name": "default"}],
            [POD],
            "logical default interface must have exactly one binding method or binding plugin",
        ),
        (
            [{**L2, "bridge": {}}],
            [POD],
            "logical default interface must have exactly one binding method or binding plugin",
        ),
        ([{"name": "blue", "masquerade": {}}], [BLUE], "Masquerade interface only implemented with pod network"),
        (
            [L2, BRIDGE],
            [POD, BLUE, BLUE],
            'Network with name "blue" already exists, every network must have a unique name',
        ),
        ([L2, BRIDGE, BRIDGE], [POD, BLUE], "Only one interface can be connected to one specific network"),
        ([L2], [POD, BLUE], "spec.networks[1].name 'blue' not found."),
        ([L2, BRIDGE], [POD], f"{SPEC}[1].name 'blue' not found."),
        (
            [L2, {"name": "other", "masquerade": {}}],
            [POD, {"name": "other", "pod": {}}],
            "more than one interface is connected to a pod network in spec.interfaces",
        ),
        ([{**L2, "macAddress": "02:00"}], [POD], f"interface {SPEC}[0].name has malformed MAC address (02:00)."),
        (
            [{**L2, "macAddress": "zz:00:00:00:00:01"}],
            [POD],
            f"interface {SPEC}[0].name has malformed MAC address (zz:00:00:00:00:01).",
        ),
        ([{**L2, "ports": [{"port": 70000}]}], [POD], "Port field must be in range 0 < x < 65536."),
        ([{**L2, "ports": [{"port": 1, "protocol": "SCTP"}]}], [POD], "Unknown protocol, only TCP or UDP allowed"),
        (
            [{**L2, "state": "absent"}],
            [POD],
            '"default" interface\'s state "absent" is supported only for bridge binding, '
            '"default" interface\'s state "absent" is not supported on default networks',
        ),
        ([BRIDGE], [{"name": "blue"}], "should have a network type"),
    ],
)
def test_what_is_wrong_is_named(interfaces: list[Object], networks: list[Object], message: str) -> None:
    assert ", ".join(messages(interfaces, networks)) == message


def test_too_much_network_data_is_refused() -> None:
    volume = {"name": "init", "cloudInitNoCloud": {"userData": "#", "networkData": "x" * 2049}}
    (message,) = messages([L2], [POD], volumes=[volume])
    assert "exceeds 2048 byte limit" in message
    encoded = base64.b64encode(b"x" * 2048).decode()
    fitting = {"name": "init", "cloudInitNoCloud": {"networkDataBase64": encoded}}
    assert messages([L2], [POD], volumes=[fitting]) == []


def test_probes_need_the_pod_network() -> None:
    probe = {"tcpSocket": {"port": 22}}
    wanted = ["spec.readinessProbe.tcpSocket is only allowed if the Pod Network is attached"]
    assert messages([BRIDGE], [BLUE], readinessProbe=probe) == wanted
    assert messages([L2], [POD], readinessProbe=probe) == []


def test_a_vm_has_one_strategy() -> None:
    template = {"spec": {"domain": {"devices": {}}}}
    both = {"spec": {"running": True, "runStrategy": "Always", "template": template}}
    assert "mutually exclusive" in instances.machine_causes(both)[0].message
    wrong = {"spec": {"runStrategy": "Sometimes", "template": template}}
    assert instances.machine_causes(wrong)[0].message == "Invalid RunStrategy (Sometimes)"
    assert instances.machine_warnings(both) == ["spec.running is deprecated, please use spec.runStrategy instead."]


def test_a_template_is_judged_at_its_place() -> None:
    template = {"spec": {"domain": {"devices": {}}, "networks": [POD]}}
    (cause,) = instances.machine_causes({"spec": {"runStrategy": "Halted", "template": template}})
    assert cause.message == "spec.template.spec.networks[0].name 'default' not found."


def test_only_the_components_change_a_vmi() -> None:
    old: Object = {"metadata": {}, "spec": {"a": 1}}
    new: Object = {"metadata": {}, "spec": {"a": 2}}
    (cause,) = instances.update_causes(old, new, by_lab=False)
    assert cause.message == "update of VMI object is restricted"
    assert instances.update_causes(old, new, by_lab=True) == []
    moved: Object = {"metadata": {"labels": {"kubevirt.io/nodeName": "elsewhere"}}, "spec": {"a": 1}}
    assert "reserved" in instances.update_causes(old, moved, by_lab=False)[0].message


def said(response: Object) -> str:
    """The message of a refusal."""
    return str(response["status"]["message"])


def test_which_migrations_are_refused() -> None:
    job = {"metadata": {}, "spec": {"vmiName": "vm"}}
    vmi: Object = {"status": {"phase": "Running"}}
    assert migrations.creation(job, "ns", vmi, [])["allowed"]
    assert said(migrations.creation(job, "ns", None, [])) == 'the VMI "ns/vm" does not exist'
    ended = {"status": {"phase": "Succeeded"}}
    assert said(migrations.creation(job, "ns", ended, [])) == "Cannot migrate VMI in finalized state."
    other: Object = {"metadata": {"uid": "m1"}, "spec": {"vmiName": "vm"}, "status": {"phase": "Running"}}
    wanted = "in-flight migration detected. Active migration job (m1) is currently already in progress for VMI vm."
    assert said(migrations.creation(job, "ns", vmi, [other])) == wanted
    over = {**other, "status": {"phase": "Failed"}}
    assert migrations.creation(job, "ns", vmi, [over])["allowed"]
    fixed = {"type": "LiveMigratable", "status": "False", "reason": "InterfaceNotLiveMigratable", "message": "no"}
    stuck = {"status": {"phase": "Running", "conditions": [fixed]}}
    assert "InterfaceNotLiveMigratable" in said(migrations.creation(job, "ns", stuck, []))


def test_a_migration_keeps_its_spec() -> None:
    old: Object = {"metadata": {}, "spec": {"vmiName": "a"}}
    response = migrations.update(old, {"metadata": {}, "spec": {"vmiName": "b"}})
    assert response["status"]["code"] == 422
    assert said(response) == "update of Migration object's spec is restricted"


def test_a_new_migration_is_marked() -> None:
    patch = migrations.marks({"metadata": {"name": "m"}, "spec": {"vmiName": "vm"}})
    assert patch[0]["value"]["labels"] == {"kubevirt.io/vmi-name": "vm"}
    assert patch[0]["value"]["finalizers"] == ["kubevirt.io/migrationJobFinalize"]
    response = causes.allowed(patch=patch)
    assert json.loads(base64.b64decode(response["patch"])) == patch


def test_ten_causes_are_told_and_the_rest_counted() -> None:
    many = [causes.Cause(causes.INVALID, f"m{number}") for number in range(12)]
    response = causes.refused(many)
    assert response["status"]["message"].endswith("m9, and 2 more validation errors")
