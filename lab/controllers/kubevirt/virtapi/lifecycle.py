"""Start, stop, restart and migrate of a VM."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from lab.client import Client, Conflict
from lab.controllers.kubevirt import phases
from lab.controllers.kubevirt.run_strategy import requests, run_strategy
from lab.controllers.kubevirt.virtapi.answers import bad_request, conflict, internal
from lab.controllers.kubevirt.virtapi.objects import VM, Objects, body_of, is_dry_run, place
from lab.resources import MIGRATIONS, VMIS, VMS

Object = dict[str, Any]

_NOT_RUNNING = "VM is not running"
_ATTEMPTS = 10


class Lifecycle:
    """Handlers of a VM's lifecycle; each answers 202, or refuses."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._objects = Objects(client)

    async def start(self, request: web.Request) -> web.Response:
        """Have a stopped VM run."""
        name, namespace = place(request)
        vm = await self._objects.vm(name, namespace)
        vmi = await self._objects.vmi_or_none(name, namespace)
        if vmi is not None and not phases.is_final(vmi) and phases.phase(vmi) not in ("", "Unknown"):
            raise conflict(VM, name, "VM is already running")
        body = await body_of(request)
        data = {"paused": "true"} if body.get("paused") else None
        strategy = run_strategy(vm)
        if strategy in ("Always", "Once"):
            raise conflict(VM, name, f"{strategy} does not support manual start requests")
        if strategy == "Halted" and data is None:
            await self._set_running(vm, True, body)
        elif strategy == "Halted":
            await self._request(vm, [_start(data)], body)
        else:
            if strategy == "RerunOnFailure" and phases.phase(vmi) == "Failed":
                raise conflict(VM, name, "RerunOnFailure does not support starting VM from failed state")
            ended = [_stop(vmi)] if vmi is not None and phases.is_final(vmi) else []
            await self._request(vm, [*ended, _start(data)], body)
        return web.Response(status=202)

    async def stop(self, request: web.Request) -> web.Response:
        """Have a VM's guest shut down."""
        name, namespace = place(request)
        body = await body_of(request)
        vm = await self._objects.vm(name, namespace)
        vmi = await self._objects.vmi_or_none(name, namespace)
        alive = vmi is not None and not phases.is_final(vmi)
        strategy, grace = run_strategy(vm), body.get("gracePeriod")
        before = (vmi or {"spec": {}})["spec"].get("terminationGracePeriodSeconds")
        if vmi is not None and alive and grace is not None:
            await self._set_grace(vmi, grace, body)
        if strategy in ("Always", "Once"):
            await self._set_running(vm, False, body)
            return web.Response(status=202)
        if vmi is None or not alive:
            raise conflict(VM, name, _NOT_RUNNING)
        if strategy == "Halted" and (grace is None or (before is not None and grace >= before)):
            raise conflict(VM, name, "Halted only supports manual stop requests with a shorter graceperiod")
        await self._request(vm, [_stop(vmi)], body)
        return web.Response(status=202)

    async def restart(self, request: web.Request) -> web.Response:
        """Have a VM's guest shut down and start anew."""
        name, namespace = place(request)
        body = await body_of(request)
        grace = body.get("gracePeriodSeconds")
        if grace is not None and grace > 0:
            raise bad_request("For force restart, only gracePeriod=0 is supported for now")
        if grace is not None and grace < 0:
            raise bad_request("gracePeriod has to be greater or equal to 0")
        vm = await self._objects.vm(name, namespace)
        strategy = run_strategy(vm)
        if strategy in ("Halted", "Once"):
            raise conflict(VM, name, f"RunStategy {strategy} does not support manual restart requests")
        vmi = await self._objects.vmi_or_none(name, namespace)
        if vmi is None:
            raise conflict(VM, name, "VM is not running: Halted")
        if grace == 0:
            await self._set_grace(vmi, 1, body)
        await self._request(vm, [_stop(vmi), _start(None)], body)
        return web.Response(status=202)

    async def migrate(self, request: web.Request) -> web.Response:
        """Create a migration of the VM's VMI."""
        name, namespace = place(request)
        body = await body_of(request)
        await self._objects.vm(name, namespace)
        vmi = await self._objects.vmi(name, namespace)
        if phases.phase(vmi) != "Running":
            raise conflict(VM, name, _NOT_RUNNING)
        spec: Object = {"vmiName": name}
        if body.get("addedNodeSelector"):
            spec["addedNodeSelector"] = body["addedNodeSelector"]
        if not is_dry_run(body):
            metadata = {"generateName": "kubevirt-migrate-vm-", "namespace": namespace}
            await self._client.create(MIGRATIONS, {"metadata": metadata, "spec": spec})
        return web.Response(status=202)

    async def _set_running(self, vm: Object, running: bool, body: Object) -> None:
        if vm["spec"].get("runStrategy") is None:
            spec: Object = {"running": running}
        else:
            spec = {"runStrategy": "Always" if running else "Halted"}
        if not is_dry_run(body):
            await self._client.patch(VMS, *_place(vm), {"spec": spec})

    async def _set_grace(self, vmi: Object, seconds: int, body: Object) -> None:
        if not is_dry_run(body):
            await self._client.patch(VMIS, *_place(vmi), {"spec": {"terminationGracePeriodSeconds": seconds}})

    async def _request(self, vm: Object, changes: list[Object], body: Object) -> None:
        """Put state changes into the VM's status, for its controller; a lone stop replaces what is pending."""
        for _ in range(_ATTEMPTS):
            lone_stop = len(changes) == 1 and changes[0]["action"] == "Stop"
            if requests(vm) and not lone_stop:
                raise internal("unable to complete request: stop/start already underway")
            if is_dry_run(body):
                return
            patch = {
                "metadata": {"resourceVersion": vm["metadata"]["resourceVersion"]},
                "status": {"stateChangeRequests": changes, "startFailure": None},
            }
            try:
                await self._client.patch(VMS, *_place(vm), patch, subresource="status")
                return
            except Conflict:
                # The VM's controller wrote its status meanwhile: look again.
                vm = await self._objects.vm(*_place(vm))
        raise conflict(VM, vm["metadata"]["name"], "the VM's status changes too often; try again")


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["name"], obj["metadata"]["namespace"]


def _stop(vmi: Object) -> Object:
    return {"action": "Stop", "uid": vmi["metadata"]["uid"]}


def _start(data: Object | None) -> Object:
    return {"action": "Start", "data": data} if data else {"action": "Start"}
