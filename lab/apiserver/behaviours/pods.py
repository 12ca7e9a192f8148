"""Pods: their defaults, their time of grace, and what may not be changed once they exist."""

from __future__ import annotations

import copy

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.behaviours.defaults import fill
from lab.apiserver.errors import Cause, Object, forbidden_field, required
from lab.apiserver.store import Store

_UPDATABLE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")


class PodBehaviour(Behaviour):
    """A bound pod stays for its time of grace, until its node deletes it for good."""

    def prepare_create(self, store: Store, obj: Object) -> None:
        fill("pods", obj)
        spec = obj.setdefault("spec", {})
        spec.setdefault("serviceAccount", spec.get("serviceAccountName", "default"))
        obj["status"] = {"phase": "Pending", "qosClass": _quality(spec)}

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        fill("pods", new)
        if subresource == "status":
            new["status"].setdefault("qosClass", old.get("status", {}).get("qosClass", "BestEffort"))

    def faults(self, obj: Object, old: Object | None) -> list[Cause]:
        spec = obj.get("spec") or {}
        containers = spec.get("containers") or []
        if not containers:
            return [required("spec.containers")]
        causes = [
            required(f"spec.containers[{index}].{field}")
            for index, container in enumerate(containers)
            for field in ("name", "image")
            if not container.get(field)
        ]
        if old is not None and _fixed(spec, old) != _fixed(old.get("spec") or {}, old):
            causes.append(
                forbidden_field(
                    "spec",
                    "pod updates may not change fields other than `spec.containers[*].image`,"
                    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                    "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                    "previously negative)",
                )
            )
        return causes

    def grace_seconds(self, obj: Object, wanted: int | None) -> int:
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        if wanted is not None:
            grace = wanted
        else:
            grace = obj["metadata"].get("deletionGracePeriodSeconds", spec.get("terminationGracePeriodSeconds", 30))
        over = not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed")
        return 0 if over else max(int(grace), 0)


def _fixed(spec: Object, old: Object) -> Object:
    fixed = copy.deepcopy({name: value for name, value in spec.items() if name not in _UPDATABLE})
    if not (old.get("spec") or {}).get("nodeName"):
        fixed.pop("nodeName", None)  # what a binding sets
    for field in ("containers", "initContainers"):
        for container in fixed.get(field) or []:
            container.pop("image", None)
    return fixed


def _quality(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort, by the containers' requests and limits."""
    every = [container.get("resources") or {} for container in spec.get("containers") or []]
    if not any(resources.get("requests") or resources.get("limits") for resources in every):
        return "BestEffort"
    full = all(
        set(resources.get("limits") or {}) >= {"cpu", "memory"}
        and {**resources["limits"], **(resources.get("requests") or {})} == resources["limits"]
        for resources in every
    )
    return "Guaranteed" if full else "Burstable"
