"""A live migration as KubeVirt reports it, and what must hold of it when it is over.

The post-conditions are those that KubeVirt's own tests assert: start, end and domain-ready times set, completed and
not failed, the target's address and node set, the target is the VMI's node and not the source, the UIDs match.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conformance.evidence import exhibit, note, step
from conformance.evidence.exhibits import MigrationExhibit
from conformance.kube.api import Api, Object
from conformance.kube.describe import condition, last_events, summary
from conformance.kube.errors import ApiError
from conformance.kube.resources import MIGRATIONS, PODS, VMIS
from conformance.kube.waits import TimedOut, wait_gone, wait_until
from conformance.verdicts import Blocked

SUCCEEDED, FAILED = "Succeeded", "Failed"
FINAL = (SUCCEEDED, FAILED)
NOT_PLACED = ("", "Pending", "Scheduling")
JOB_LABEL = "kubevirt.io/migrationJobUID"

LIVE_MIGRATION = "live migration"
"""The name of the figure for its duration."""


class MigrationFailed(AssertionError):
    """A migration did not do what it had to; one line with VM, phase and reason."""


# KubeVirt's own tests have it: the source gives up a migration whose target is prepared.
FORCED_FAILURE = "kubevirt.io/func-test-force-launcher-migration-failure"


@dataclass(frozen=True)
class Migration:
    """A migration that succeeded; times are KubeVirt's, in whole seconds."""

    name: str
    uid: str
    source: str
    target: str
    target_address: str
    started: datetime
    ended: datetime
    domain_ready: datetime
    mode: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.started).total_seconds()


def follow_migration(api: Api, namespace: str, name: str, vmi: str) -> Migration:
    """Wait for a migration's end and check what it left; raises ``MigrationFailed``, ``Blocked`` without a target."""
    with _exhibited(api, namespace, name, vmi):
        return _follow(api, namespace, name, vmi)


def _follow(api: Api, namespace: str, name: str, vmi: str) -> Migration:
    done = _wait_placed(api, namespace, name)
    if _phase(done) not in FINAL:
        try:
            done = wait_until(
                api, MIGRATIONS, name, namespace, lambda obj: _phase(obj) in FINAL, "migration", "end of the move"
            )
        except TimedOut as error:
            raise MigrationFailed(f"{error}; target: {_target_pod(api, namespace, done)}") from error
    uid = done["metadata"]["uid"]
    if _phase(done) == FAILED:
        state = (done.get("status") or {}).get("migrationState") or _state(api.get(VMIS, vmi, namespace))
        reason = state.get("failureReason") or last_events(api, name, namespace) or summary(done)
        raise MigrationFailed(f"migration {namespace}/{name} of {vmi} failed: {reason}")
    try:
        machine = wait_until(
            api, VMIS, vmi, namespace, lambda obj: _handed_over(obj, uid), "migration", "hand-over to the target"
        )
    except TimedOut as error:
        seen = _state(api.get(VMIS, vmi, namespace))
        raise MigrationFailed(f"{error}; migrationState: {seen}") from error
    return judge(name, uid, machine)


def follow_failure(api: Api, namespace: str, name: str, vmi: str) -> str:
    """Wait until a migration has failed and its target pod is gone; gives why. ``Blocked`` if it moves."""
    with step(f"wait until migration {namespace}/{name} of {vmi} fails"), _exhibited(api, namespace, name, vmi):
        done = wait_until(
            api, MIGRATIONS, name, namespace, lambda obj: _phase(obj) in FINAL, "migration", "end of the move"
        )
        if _phase(done) != FAILED:
            raise Blocked(f"migration {namespace}/{name} of {vmi} was told to fail by annotation, and succeeded")
        target = _find_target_pod(api, namespace, done)
        if target is not None:
            wait_gone(api, PODS, target["metadata"]["name"], namespace)
        state = _state(api.get(VMIS, vmi, namespace))
        return str(state.get("failureReason") or last_events(api, name, namespace) or summary(done))


def judge(name: str, uid: str, vmi: Object) -> Migration:
    """The migration that a VMI's status tells of; ``MigrationFailed`` names every post-condition that is not met."""
    state = _state(vmi)
    node = (vmi.get("status") or {}).get("nodeName")
    wanted = {
        "startTimestamp is set": bool(state.get("startTimestamp")),
        "endTimestamp is set": bool(state.get("endTimestamp")),
        "targetNodeDomainReadyTimestamp is set": bool(state.get("targetNodeDomainReadyTimestamp")),
        "completed is true": state.get("completed") is True,
        "failed is not true": not state.get("failed"),
        "targetNodeAddress is set": bool(state.get("targetNodeAddress")),
        f"targetNode is the VMI's node {node}": bool(node) and state.get("targetNode") == node,
        "targetNode is not sourceNode": state.get("targetNode") != state.get("sourceNode"),
        f"migrationUid is {uid}": state.get("migrationUid") == uid,
    }
    missed = [condition for condition, met in wanted.items() if not met]
    if missed:
        raise MigrationFailed(f"migration {name} ended, but not: {'; '.join(missed)}; migrationState: {state}")
    return Migration(
        name=name,
        uid=uid,
        source=state["sourceNode"],
        target=state["targetNode"],
        target_address=state["targetNodeAddress"],
        started=_time(state["startTimestamp"]),
        ended=_time(state["endTimestamp"]),
        domain_ready=_time(state["targetNodeDomainReadyTimestamp"]),
        mode=str(state.get("mode", "")),
    )


@contextmanager
def _exhibited(api: Api, namespace: str, name: str, vmi: str) -> Iterator[None]:
    """Keep for the report what the API tells of a migration when the block is over, however it ends."""
    requested = datetime.now(UTC)
    try:
        yield
    finally:
        ended = datetime.now(UTC)
        try:
            migration = api.get(MIGRATIONS, name, namespace)
            exhibit(_exhibit(migration, api.get(VMIS, vmi, namespace), requested, ended))
        except (ApiError, KeyError, ValueError) as error:
            note(f"migration {namespace}/{name} is not drawn: {error!r}")


def _exhibit(migration: Object, vmi: Object, requested: datetime, ended: datetime) -> MigrationExhibit:
    metadata, status = migration["metadata"], migration.get("status") or {}
    state = status.get("migrationState") or {}
    if not state.get("sourceNode") and _state(vmi).get("migrationUid") == metadata["uid"]:
        state = _state(vmi)
    stamps = [(each["phase"], each["phaseTransitionTimestamp"]) for each in status.get("phaseTransitionTimestamps", ())]
    created = metadata.get("creationTimestamp")
    moved = _phase(migration) == SUCCEEDED
    return MigrationExhibit(
        vm=f"{metadata['namespace']}/{vmi['metadata']['name']}",
        source=str(state.get("sourceNode") or ""),
        target=str(state.get("targetNode") or ""),
        requested=requested,
        ended=ended,
        phases=tuple((phase, _time(at)) for phase, at in [*([("created", created)] if created else []), *stamps]),
        failure="" if moved else str(state.get("failureReason") or f"phase {_phase(migration) or 'unset'}"),
    )


def _wait_placed(api: Api, namespace: str, name: str) -> Object:
    """The migration once its target pod has a node; a pod that no node can take ends it here, not in five minutes."""
    try:
        return wait_until(
            api,
            MIGRATIONS,
            name,
            namespace,
            lambda obj: _phase(obj) not in NOT_PLACED,
            "pod-scheduled",
            "target pod on a node",
        )
    except TimedOut:
        migration = api.get(MIGRATIONS, name, namespace)
        pod = _find_target_pod(api, namespace, migration)
        scheduled = condition(pod, "PodScheduled") if pod else None
        if scheduled is None or scheduled.get("status") != "False":
            return migration
        text = " ".join(str(scheduled.get("message", "")).split())
        api.delete(MIGRATIONS, name, namespace)
        raise Blocked(
            f"migration {namespace}/{name}: no node takes its target pod ({scheduled.get('reason')}: {text}); "
            "the migration was cancelled"
        ) from None


def _find_target_pod(api: Api, namespace: str, migration: Object) -> Object | None:
    pods = api.list(PODS, namespace, labels=f"{JOB_LABEL}={migration['metadata']['uid']}")
    return pods[0] if pods else None


def _target_pod(api: Api, namespace: str, migration: Object) -> str:
    pod = _find_target_pod(api, namespace, migration)
    return f"pod {pod['metadata']['name']}: {summary(pod)}" if pod else "no pod"


def _phase(obj: Object) -> str:
    return str((obj.get("status") or {}).get("phase") or "")


def _state(vmi: Object) -> dict[str, Any]:
    state: dict[str, Any] = (vmi.get("status") or {}).get("migrationState") or {}
    return state


def _handed_over(vmi: Object, uid: str) -> bool:
    state = _state(vmi)
    over = state.get("migrationUid") == uid and bool(state.get("completed") or state.get("failed"))
    return over and (vmi.get("status") or {}).get("nodeName") == state.get("targetNode")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
