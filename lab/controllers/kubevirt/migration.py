"""The controller of live migrations: makes the target pod, tells the nodes, follows what they report."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from lab.client import AlreadyExists, Client, NotFound, Refused
from lab.controllers.kubevirt import conditions, launcher, migration_status, phases, vmi_status
from lab.controllers.kubevirt.migration_status import FINALIZER, VMI_LABEL, Step
from lab.controllers.kubevirt.settings import (
    PENDING_ANNOTATION,
    UNSCHEDULABLE_ANNOTATION,
    annotated_seconds,
    settings,
)
from lab.controllers.runtime import Controller, Informers, Key, key_of
from lab.faults.seams import Faults
from lab.resources import KUBEVIRTS, MIGRATIONS, PODS, VMIS

Object = dict[str, Any]

_LOG = logging.getLogger(__name__)


class Migrations:
    """Reconciles migrations. Reads from informers, writes through the client."""

    def __init__(self, client: Client, informers: Informers, faults: Faults) -> None:
        self._client = client
        self._faults = faults
        self._migrations = informers.of(MIGRATIONS)
        self._vmis = informers.of(VMIS)
        self._pods = informers.of(PODS)
        self._kubevirts = informers.of(KUBEVIRTS)
        # Places taken in the limits by migrations whose target pod the informer does not show yet.
        self._admitted: set[str] = set()

    def controller(self) -> Controller:
        """The queue that runs this reconciler."""
        return (
            Controller("live-migrations", self.reconcile)
            .watch(self._migrations, self._this_and_waiting)
            .watch(self._vmis, self._of_vmi)
            .watch(self._pods, self._of_pod)
        )

    async def reconcile(self, key: Key) -> float | None:
        """Bring one migration a step on; returns the seconds after which to look again."""
        migration = self._migrations.get(key.namespace, key.name)
        if migration is None:
            return None
        vmi = self._vmis.get(key.namespace, str(migration["spec"].get("vmiName")))
        pod = self._target_pod(migration)
        if phases.phase(migration) in phases.MIGRATION_FINAL:
            await self._finish(migration, vmi, pod)
            return None
        if await self._lacks_marks(migration):
            return None
        step = self._overtaken(migration) or migration_status.next_step(migration, vmi, pod)
        if step is None:
            assert vmi is not None  # without a VMI the step is a failure
            return await self._work(migration, vmi, pod)
        await self._take(migration, step, vmi, pod)
        return None

    def _overtaken(self, migration: Object) -> Step | None:
        """A new migration of a VMI that another migration is moving already fails at once."""
        if phases.phase(migration):
            return None
        mine = migration["metadata"]
        for other in self._migrations.list():
            theirs = other["metadata"]
            same_vmi = (theirs["namespace"], other["spec"].get("vmiName")) == (
                mine["namespace"],
                migration["spec"].get("vmiName"),
            )
            begun = phases.phase(other) not in ("", *phases.MIGRATION_FINAL)
            if same_vmi and begun and theirs["uid"] != mine["uid"]:
                return Step("Failed", "VMI is not eligible for migration because another migration job is in progress.")
        return None

    async def _work(self, migration: Object, vmi: Object, pod: Object | None) -> float | None:
        """Do what the present phase asks of the controller."""
        phase = phases.phase(migration)
        state = migration_status.state_of(migration, vmi)
        if state and phases.is_deleted(migration) and not state.get("abortRequested"):
            await self._client.replace(VMIS, _with_state(vmi, abortRequested=True))
        elif phase == "Pending" and pod is None:
            return await self._make_target(migration, vmi)
        elif phase == "Scheduling" and pod is not None:
            return await self._wait_for_node(migration, pod)
        elif phase == "Scheduled" and pod is not None and not state:
            await self._hand_over(migration, vmi, pod)
        return None

    async def _make_target(self, migration: Object, vmi: Object) -> float | None:
        if phases.phase(vmi) != "Running" or not self._has_room(migration, vmi):
            return 1.0
        # Taken before the first await, so that two migrations never count the same free place.
        self._admitted.add(migration["metadata"]["uid"])
        try:
            pod = launcher.migration_target_pod(vmi, migration)
            pod = self._faults.alter("vm.launcher-pod", pod, vm=vmi["metadata"]["name"], migration=True)
            pod = await self._client.create(PODS, pod)
        except AlreadyExists:
            return None
        except Refused as error:
            self._admitted.discard(migration["metadata"]["uid"])
            await self._client.event(vmi, "Warning", "FailedCreate", f"Error creating pod: {error.message}")
            return 1.0
        message = f"Created migration target pod {pod['metadata']['name']}"
        await self._client.event(migration, "Normal", "SuccessfulCreate", message)
        return None

    def _has_room(self, migration: Object, vmi: Object) -> bool:
        """Whether the limits of parallel migrations leave a place."""
        limits = settings(self._kubevirts)
        node = vmi["status"].get("nodeName")
        others = [other for other in self._under_way() if other["metadata"]["uid"] != migration["metadata"]["uid"]]
        leaving = [other for other in others if self._source_node(other) == node]
        return len(others) < limits.migrations_per_cluster and len(leaving) < limits.migrations_per_node

    def _under_way(self) -> list[Object]:
        return [
            migration
            for migration in self._migrations.list()
            if phases.phase(migration) not in phases.MIGRATION_FINAL
            and (
                migration["metadata"]["uid"] in self._admitted
                or phases.phase(migration) not in ("", "Pending")
                or self._target_pod(migration) is not None
            )
        ]

    def _source_node(self, migration: Object) -> str | None:
        vmi = self._vmis.get(migration["metadata"]["namespace"], str(migration["spec"].get("vmiName")))
        return ((vmi or {}).get("status") or {}).get("nodeName")

    async def _wait_for_node(self, migration: Object, pod: Object) -> float | None:
        """Give up a target pod that waits too long; else the seconds it has left."""
        if phases.phase(pod) not in ("", "Pending"):
            return None
        limits = settings(self._kubevirts)
        limit = annotated_seconds(migration, PENDING_ANNOTATION, limits.pending_timeout)
        why = f"pending pod {key_of(pod)} timeout period exceeded"
        if conditions.holds(pod, "PodScheduled", "False", "Unschedulable"):
            limit = annotated_seconds(migration, UNSCHEDULABLE_ANNOTATION, limits.unschedulable_timeout)
            why = f"unschedulable pod {key_of(pod)} timeout period exceeded"
            vmi_name = migration["spec"]["vmiName"]
            message = (
                f"Migration target pod for VMI [{migration['metadata']['namespace']}/{vmi_name}] is currently "
                "unschedulable."
            )
            await self._client.event(migration, "Warning", "migrationTargetPodUnschedulable", message)
        left = limit - conditions.seconds_since(pod["metadata"]["creationTimestamp"])
        if left > 0:
            return left
        await self._delete_pod(pod)
        await self._client.event(migration, "Normal", "SuccessfulDelete", why)
        return None

    async def _hand_over(self, migration: Object, vmi: Object, pod: Object) -> None:
        source = vmi_status.current_pod(vmi, self._pods_of(vmi))
        fresh = migration_status.handed_over(migration, vmi, source, pod)
        fresh = self._faults.alter("vm.migration-handover", fresh, vm=vmi["metadata"]["name"])
        await self._client.replace(VMIS, fresh)
        message = "Migration target pod is ready for preparation by virt-handler."
        await self._client.event(migration, "Normal", "SuccessfulHandOver", message)

    async def _take(self, migration: Object, step: Step, vmi: Object | None, pod: Object | None) -> None:
        if step.phase == "Succeeded" and vmi is not None:
            # First the VMI: whoever sees the migration succeeded finds the guest's new node there.
            fresh = migration_status.taken_over(vmi, vmi_status.NODE_LABEL)
            fresh = self._faults.alter("vm.migration-takeover", fresh, vm=vmi["metadata"]["name"])
            if fresh != vmi:
                vmi = await self._client.replace(VMIS, fresh)
        if step.phase == "Failed":
            vmi = await self._mark_failed(migration, vmi, step.event)
            if pod is not None and not phases.is_deleted(pod):
                await self._delete_pod(pod)
        if step.phase not in ("", "Pending"):
            self._admitted.discard(migration["metadata"]["uid"])
        status = migration_status.with_step(migration, step, vmi)
        await self._client.replace(MIGRATIONS, {**migration, "status": status}, subresource="status")
        if step.event:
            succeeded = step.phase == "Succeeded"
            reason = "SuccessfulMigration" if succeeded else "FailedMigration"
            await self._client.event(migration, "Normal" if succeeded else "Warning", reason, step.event)

    async def _mark_failed(self, migration: Object, vmi: Object | None, reason: str) -> Object | None:
        state = migration_status.state_of(migration, vmi)
        if vmi is None or not state or phases.is_final(vmi):
            return vmi
        fresh = migration_status.marked_failed(vmi, reason)
        return vmi if fresh == vmi else await self._client.replace(VMIS, fresh)

    async def _finish(self, migration: Object, vmi: Object | None, pod: Object | None) -> None:
        """Let go of a migration that is over."""
        if phases.phase(migration) == "Failed" and pod is not None and not phases.is_deleted(pod):
            await self._delete_pod(pod)
        finalizers = migration["metadata"].get("finalizers", [])
        if FINALIZER in finalizers:
            left = [item for item in finalizers if item != FINALIZER]
            await self._patch_metadata(migration, {"finalizers": left})

    async def _lacks_marks(self, migration: Object) -> bool:
        """Put on the label and finalizer that admission gives, if it was passed by; whether they lacked."""
        metadata = migration["metadata"]
        labels, finalizers = metadata.get("labels", {}), metadata.get("finalizers", [])
        if phases.is_deleted(migration) or (VMI_LABEL in labels and FINALIZER in finalizers):
            return False
        marks = {"labels": {VMI_LABEL: migration["spec"]["vmiName"]}, "finalizers": [*finalizers, FINALIZER]}
        await self._patch_metadata(migration, marks)
        return True

    async def _patch_metadata(self, migration: Object, changes: Object) -> None:
        metadata = migration["metadata"]
        body = {"metadata": {**changes, "resourceVersion": metadata["resourceVersion"]}}
        try:
            await self._client.patch(MIGRATIONS, metadata["name"], metadata["namespace"], body)
        except NotFound:
            _LOG.debug("migration %s is gone already", key_of(migration))

    async def _delete_pod(self, pod: Object) -> None:
        try:
            await self._client.delete(PODS, pod["metadata"]["name"], pod["metadata"]["namespace"], grace=1)
        except NotFound:
            _LOG.debug("pod %s is gone already", key_of(pod))

    def _target_pod(self, migration: Object) -> Object | None:
        uid = migration["metadata"]["uid"]
        for pod in self._pods.list():
            if pod["metadata"].get("labels", {}).get(launcher.MIGRATION_LABEL) == uid:
                return pod
        return None

    def _pods_of(self, vmi: Object) -> list[Object]:
        uid = vmi["metadata"]["uid"]
        return [p for p in self._pods.list() if p["metadata"].get("labels", {}).get(launcher.CREATED_BY) == uid]

    def _this_and_waiting(self, migration: Object) -> Iterable[Key]:
        # A migration that ends makes room for those that wait.
        waiting = [key_of(other) for other in self._migrations.list() if phases.phase(other) == "Pending"]
        return [key_of(migration), *waiting]

    def _of_vmi(self, vmi: Object) -> Iterable[Key]:
        place = (vmi["metadata"]["namespace"], vmi["metadata"]["name"])
        return [
            key_of(migration)
            for migration in self._migrations.list()
            if (migration["metadata"]["namespace"], migration["spec"].get("vmiName")) == place
        ]

    def _of_pod(self, pod: Object) -> Iterable[Key]:
        uid = pod["metadata"].get("labels", {}).get(launcher.MIGRATION_LABEL)
        if uid is None:
            return ()
        return [key_of(migration) for migration in self._migrations.list() if migration["metadata"]["uid"] == uid]


def _with_state(vmi: Object, **fields: object) -> Object:
    status = vmi["status"]
    return {**vmi, "status": {**status, "migrationState": {**status["migrationState"], **fields}}}
