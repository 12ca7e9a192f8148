"""The webhooks that virt-api serves: from an AdmissionReview to its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from lab.client import Client, NotFound
from lab.controllers.kubevirt.admission import causes, instances, migrations
from lab.controllers.kubevirt.instance import with_defaults
from lab.faults.seams import Faults
from lab.resources import MIGRATIONS, VMIS

Object = dict[str, Any]
Rule = Callable[[Object], Awaitable[Object]]

_REVIEW = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
# Components of the lab that act for KubeVirt: what they write is not a user's edit.
_OURS = frozenset({"system:lab:controllers", "system:lab:nodes"})


class Webhooks:
    """Answers admission reviews; looks things up through the client, never in an informer that may lag."""

    def __init__(self, client: Client, faults: Faults) -> None:
        self._client = client
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """A route for each webhook."""
        rules: dict[str, Rule] = {
            "/virtualmachines-validate": self._machine,
            "/virtualmachineinstances-mutate": self._instance_defaults,
            "/virtualmachineinstances-validate-create": self._new_instance,
            "/virtualmachineinstances-validate-update": self._changed_instance,
            "/migration-mutate-create": self._migration_marks,
            "/migration-validate-create": self._new_migration,
            "/migration-validate-update": self._changed_migration,
        }
        return [web.post(path, self._reviewer(path.lstrip("/"), rule)) for path, rule in rules.items()]

    async def _machine(self, request: Object) -> Object:
        vm = request["object"]
        return causes.judged(instances.machine_causes(vm), instances.machine_warnings(vm))

    async def _instance_defaults(self, request: Object) -> Object:
        vmi = request["object"]
        complete = with_defaults(vmi)
        patch = [
            {"op": "replace", "path": f"/{part}", "value": complete[part]}
            for part in ("metadata", "spec")
            if complete[part] != vmi.get(part)
        ]
        return causes.allowed(patch=patch)

    async def _new_instance(self, request: Object) -> Object:
        return causes.judged(instances.instance_causes("spec", request["object"]["spec"]))

    async def _changed_instance(self, request: Object) -> Object:
        by_lab = request.get("userInfo", {}).get("username") in _OURS
        return causes.judged(instances.update_causes(request["oldObject"], request["object"], by_lab))

    async def _migration_marks(self, request: Object) -> Object:
        return causes.allowed(patch=migrations.marks(request["object"]))

    async def _new_migration(self, request: Object) -> Object:
        migration, namespace = request["object"], request["namespace"]
        try:
            name = migration["spec"].get("vmiName")
            vmi = await self._client.get(VMIS, name, namespace) if name else None
        except NotFound:
            vmi = None
        others = await self._client.list(MIGRATIONS, namespace)
        return migrations.creation(migration, namespace, vmi, others["items"])

    async def _changed_migration(self, request: Object) -> Object:
        return migrations.update(request["oldObject"], request["object"])

    def _reviewer(self, name: str, rule: Rule) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def review(http: web.Request) -> web.Response:
            request = (await http.json())["request"]
            judgement = await rule(request)
            answer = self._faults.alter("vm.admission", judgement, webhook=name, name=request.get("name"))
            response = {"uid": request["uid"], **answer}
            return web.json_response({**_REVIEW, "response": response})

        return review
