"""The rules of VMs, as pure functions: run strategies, printable status, back-off, pods, migratability."""

from __future__ import annotations

from typing import Any

import pytest

from lab.controllers.kubevirt import instance, launcher, migratable, migration_status, start_failure, vm_status
from lab.controllers.kubevirt.run_strategy import decide, first_request_is_done

Object = dict[str, Any]
START, STOP = {"action": "Start"}, {"action": "Stop", "uid": "u1"}


def machine(strategy: str = "Always", **status: Any) -> Object:
    """A VM."""
    template = {"spec": {"domain": {"memory": {"guest": "96Mi"}, "devices": {}}}}
    metadata = {"name": "vm", "namespace": "ns", "uid": "vm-uid", "generation": 3}
    return {"metadata": metadata, "spec": {"runStrategy": strategy, "template": template}, "status": status}


def guest(phase: str = "Running", uid: str = "u1", deleted: bool = False, **status: Any) -> Object:
    """A VMI."""
    metadata: Object = {"name": "vm", "namespace": "ns", "uid": uid}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "spec": {"domain": {}}, "status": {"phase": phase, **status}}


@pytest.mark.parametrize(
    ("strategy", "vmi", "requests", "action"),
    [
        ("Always", None, [], "start"),
        ("Always", guest(), [], "nothing"),
        ("Always", guest("Failed"), [], "stop"),
        ("Always", guest(), [STOP, START], "stop"),
        ("Always", guest(uid="another"), [STOP, START], "nothing"),
        ("Always", guest("Failed", deleted=True), [], "nothing"),
        ("Halted", None, [], "nothing"),
        ("Halted", guest(), [], "stop"),
        ("Manual", None, [], "nothing"),
        ("Manual", None, [START], "start"),
        ("Manual", guest("Succeeded"), [], "nothing"),
        ("Manual", guest(), [STOP], "stop"),
        ("Once", None, [], "start"),
        ("Once", guest("Succeeded"), [], "nothing"),
        ("RerunOnFailure", guest("Failed"), [], "stop"),
        ("RerunOnFailure", guest("Succeeded"), [], "stop"),
        ("RerunOnFailure", None, [START], "start"),
    ],
)
def test_what_a_run_strategy_demands(strategy: str, vmi: Object | None, requests: list[Object], action: str) -> None:
    vm = machine(strategy, stateChangeRequests=requests, runStrategy=strategy)
    assert decide(vm, vmi).action == action


def test_rerun_on_failure_starts_what_failed_and_leaves_what_succeeded() -> None:
    vm = machine("RerunOnFailure", runStrategy="RerunOnFailure")
    assert decide(vm, guest("Failed")).then_start
    assert not decide(vm, guest("Succeeded")).then_start
    assert decide(vm, None).action == "nothing"
    assert decide(machine("RerunOnFailure", runStrategy="Halted"), None).action == "start"


def test_an_unknown_strategy_is_named() -> None:
    assert decide(machine("Sometimes"), None).refusal == "unknown runstrategy: Sometimes"


def test_running_counts_as_a_strategy() -> None:
    vm = machine()
    vm["spec"] = {"running": True, "template": vm["spec"]["template"]}
    assert decide(vm, None).action == "start"
    vm["spec"]["running"] = False
    assert decide(vm, guest()).action == "stop"


@pytest.mark.parametrize(
    ("request_", "vmi", "done"),
    [
        (STOP, None, True),
        (STOP, guest(), False),
        (STOP, guest(uid="u2"), True),
        (START, None, False),
        (START, guest(uid="u2"), True),
        (START, guest(deleted=True), False),
        (START, guest("Succeeded"), False),
    ],
)
def test_when_a_request_is_done(request_: Object, vmi: Object | None, done: bool) -> None:
    assert first_request_is_done(machine(stateChangeRequests=[request_]), vmi) is done


def condition(type_: str, status: str = "True", reason: str = "") -> Object:
    """A status with one condition."""
    return {"conditions": [{"type": type_, "status": status, "reason": reason}]}


@pytest.mark.parametrize(
    ("vm", "vmi", "word"),
    [
        (machine(), None, "Stopped"),
        (machine(), guest(""), "Starting"),
        (machine(), guest("Scheduled"), "Starting"),
        (machine(), guest(), "Running"),
        (machine(), guest(**condition("Paused")), "Paused"),
        (machine(), guest(deleted=True), "Stopping"),
        (machine(), guest("Succeeded", deleted=True), "Stopped"),
        (machine(), guest(migrationState={"startTimestamp": "t"}), "Migrating"),
        (machine(), guest(migrationState={"startTimestamp": "t", "endTimestamp": "t", "completed": True}), "Running"),
        (machine(), guest("Scheduling", **condition("PodScheduled", "False", "Unschedulable")), "ErrorUnschedulable"),
        (machine(), guest("Scheduling", **condition("Synchronized", "False", "ErrImagePull")), "ErrImagePull"),
        (machine(), guest("Scheduling", **condition("Synchronized", "False", "ImagePullBackOff")), "ImagePullBackOff"),
        (machine(startFailure={"consecutiveFailCount": 1}), None, "CrashLoopBackOff"),
        (machine("Halted", startFailure={"consecutiveFailCount": 1}), None, "Stopped"),
    ],
)
def test_the_word_for_people(vm: Object, vmi: Object | None, word: str) -> None:
    assert vm_status.printable_status(vm, vmi) == word


def test_a_deleted_vm_is_terminating() -> None:
    vm = machine()
    vm["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert vm_status.printable_status(vm, guest()) == "Terminating"


def test_conditions_of_the_vmi_are_copied_and_taken_back() -> None:
    vm = machine()
    vm["status"] = vm_status.next_status(vm, guest(**condition("LiveMigratable")))
    assert [c["type"] for c in vm["status"]["conditions"]] == ["Ready", "LiveMigratable"]
    vm["status"] = vm_status.next_status(vm, guest())
    assert [c["type"] for c in vm["status"]["conditions"]] == ["Ready"]


def test_early_failures_are_counted_once_and_forgotten_after_a_run() -> None:
    status: Object = {}
    start_failure.record(status, "Always", guest("Failed", uid="a"))
    start_failure.record(status, "Always", guest("Failed", uid="a"))
    assert status["startFailure"]["consecutiveFailCount"] == 1
    start_failure.record(status, "Always", guest("Failed", uid="b"))
    assert status["startFailure"]["consecutiveFailCount"] == 2
    assert decide(machine(**status), None).retry_after > 30
    ran = [{"phase": "Running", "phaseTransitionTimestamp": "t"}]
    start_failure.record(status, "Always", guest("Failed", uid="c", phaseTransitionTimestamps=ran))
    assert status == {}


@pytest.mark.parametrize(("failures", "least", "most"), [(1, 10, 15), (2, 40, 60), (3, 90, 135), (9, 300, 300)])
def test_the_delay_grows(failures: int, least: float, most: float) -> None:
    assert least <= start_failure.delay(failures) <= most


def vmi_of(**spec: Any) -> Object:
    """A complete VMI with a uid."""
    vm = machine()
    vm["spec"]["template"]["spec"].update(spec)
    vmi = instance.instance_of(vm)
    vmi["metadata"]["uid"] = "vmi-uid"
    return vmi


def test_an_instance_without_networks_gets_a_bridge_on_the_pod_network() -> None:
    vmi = vmi_of()
    assert vmi["spec"]["networks"] == [{"name": "default", "pod": {}}]
    assert vmi["spec"]["domain"]["devices"]["interfaces"] == [{"name": "default", "bridge": {}}]
    assert vmi["metadata"]["ownerReferences"][0]["uid"] == "vm-uid"


def test_the_launcher_pod() -> None:
    volumes = [{"name": "containerdisk", "containerDisk": {"image": "quay.io/guest:1"}}]
    pod = launcher.launcher_pod(vmi_of(volumes=volumes, nodeSelector={"zone": "a"}))
    assert pod["metadata"]["labels"]["kubevirt.io"] == "virt-launcher"
    assert pod["metadata"]["labels"]["vm.kubevirt.io/name"] == "vm"
    assert pod["metadata"]["annotations"]["kubevirt.io/domain"] == "vm"
    assert pod["spec"]["nodeSelector"] == {"zone": "a", "kubevirt.io/schedulable": "true"}
    images = {container["name"]: container["image"] for container in pod["spec"]["containers"]}
    assert images == {"compute": "localhost/lab-launcher:latest", "volumecontainerdisk": "quay.io/guest:1"}
    assert int(pod["spec"]["containers"][0]["resources"]["requests"]["memory"]) == (96 + 128) * 2**20


def test_the_target_pod_keeps_away_from_the_source() -> None:
    migration = {"metadata": {"uid": "m", "name": "move"}, "spec": {"addedNodeSelector": {"disk": "fast"}}}
    pod = launcher.migration_target_pod(vmi_of(), migration)
    (rule,) = pod["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["labelSelector"]["matchLabels"] == {"kubevirt.io/created-by": "vmi-uid"}
    assert pod["metadata"]["labels"]["kubevirt.io/migrationJobUID"] == "m"
    assert pod["metadata"]["name"] != launcher.launcher_pod(vmi_of())["metadata"]["name"]
    assert pod["spec"]["nodeSelector"]["disk"] == "fast"


def test_no_two_migrations_share_a_target_pod() -> None:
    # By the first five digits of their hashes, as names had them once, these two are the same.
    uids = ("72f9c576-7963-4033-9253-2fd2402aa406", "22bcb2fe-1710-4a48-82ab-f869f13df9b5")
    moves = [{"metadata": {"uid": uid, "name": "move"}, "spec": {}} for uid in uids]
    one, other = (launcher.migration_target_pod(vmi_of(), move)["metadata"]["name"] for move in moves)
    assert one != other


@pytest.mark.parametrize(("text", "size"), [("96Mi", 96 * 2**20), ("1G", 10**9), (1024, 1024), ("1.5Gi", 3 * 2**29)])
def test_quantities(text: object, size: int) -> None:
    assert launcher.quantity(text) == size


@pytest.mark.parametrize(
    ("interface", "movable"),
    [
        ({"bridge": {}}, False),
        ({"masquerade": {}}, True),
        ({"passtBinding": {}}, True),
        ({"binding": {"name": "l2bridge"}}, True),
        ({"binding": {"name": "fixed"}}, False),
        ({"binding": {"name": "unknown"}}, False),
    ],
)
def test_who_can_migrate(interface: Object, movable: bool) -> None:
    plugins = {"l2bridge": {"domainAttachmentType": "managedTap", "migration": {}}, "fixed": {}}
    devices = {"interfaces": [{"name": "default", **interface}]}
    vmi = vmi_of(domain={"devices": devices}, networks=[{"name": "default", "pod": {}}])
    assert (migratable.obstacle(vmi, plugins) is None) is movable


def test_a_vm_without_pod_network_can_migrate() -> None:
    devices = {"interfaces": [{"name": "blue", "bridge": {}}]}
    vmi = vmi_of(domain={"devices": devices}, networks=[{"name": "blue", "multus": {"networkName": "blue"}}])
    assert migratable.obstacle(vmi, {}) is None


def test_a_restart_is_required_by_what_cannot_be_changed_live() -> None:
    vm = machine()
    vmi = instance.instance_of(vm)
    vmi["metadata"]["uid"] = "u1"
    vm["spec"]["template"]["spec"]["nodeSelector"] = {"zone": "b"}
    assert "RestartRequired" not in types_of(vm_status.next_status(vm, vmi))
    vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"] = "128Mi"
    vm["status"] = vm_status.next_status(vm, vmi)
    assert "RestartRequired" in types_of(vm["status"])
    assert "RestartRequired" not in types_of(vm_status.next_status(vm, None))


def types_of(status: Object) -> list[str]:
    """The types of a status' conditions."""
    return [condition_["type"] for condition_ in status["conditions"]]


def test_a_migration_state_of_another_is_none_of_ours() -> None:
    migration = {"metadata": {"uid": "mine"}, "spec": {}, "status": {"phase": "Running"}}
    vmi = guest(migrationState={"migrationUid": "other", "completed": True})
    step = migration_status.next_step(migration, vmi, {"metadata": {}, "status": {"phase": "Running"}})
    assert step is not None
    assert step.phase == "Failed"
