"""Pause, unpause and the like of a VMI, and what its guest agent tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from lab.client import Client
from lab.controllers.kubevirt import conditions, phases
from lab.controllers.kubevirt.instance import with_defaults
from lab.controllers.kubevirt.virtapi.answers import Refusal, bad_request, conflict
from lab.controllers.kubevirt.virtapi.handlers import VirtHandlers
from lab.controllers.kubevirt.virtapi.objects import VMI, Objects, body_of, is_dry_run, place

Object = dict[str, Any]
Check = Callable[[Object], None]


def running(vmi: Object) -> None:
    """``Refusal`` 409 unless the VMI runs."""
    if phases.phase(vmi) != "Running":
        raise conflict(VMI, vmi["metadata"]["name"], "VMI is not running")


def pausable(vmi: Object) -> None:
    """``Refusal`` unless the VMI runs, is not paused and would not be killed for being so."""
    name = vmi["metadata"]["name"]
    if phases.phase(vmi) != "Running":
        raise conflict(VMI, name, "VM is not running")
    probe = vmi["spec"].get("livenessProbe")
    if probe and "guestAgentPing" not in probe:
        why = "Pausing VMIs with a non-GuestAgentPing LivenessProbe is not supported"
        raise Refusal(403, "Forbidden", f'virtualmachineinstance.kubevirt.io "{name}" is forbidden: {why}')
    if conditions.find(vmi, "Paused") is not None:
        raise conflict(VMI, name, "VMI is already paused")


def paused(vmi: Object) -> None:
    """``Refusal`` 409 unless the VMI runs and is paused."""
    running(vmi)
    if conditions.find(vmi, "Paused") is None:
        raise conflict(VMI, vmi["metadata"]["name"], "VMI is not paused")


def not_paused(vmi: Object) -> None:
    """``Refusal`` 409 unless the VMI runs and is not paused."""
    running(vmi)
    if conditions.find(vmi, "Paused") is not None:
        raise conflict(VMI, vmi["metadata"]["name"], "VMI is paused")


def with_agent(vmi: Object) -> None:
    """``Refusal`` 409 unless the VMI runs and its guest agent answers."""
    running(vmi)
    if conditions.find(vmi, "AgentConnected") is None:
        raise conflict(VMI, vmi["metadata"]["name"], "VMI does not have guest agent connected")


class InstanceActions:
    """Handlers that pass a request on to the VMI's node."""

    def __init__(self, client: Client, handlers: VirtHandlers) -> None:
        self._objects = Objects(client)
        self._handlers = handlers

    def routes(self, base: str) -> list[web.RouteDef]:
        """The routes under the path of a VMI."""
        checks: dict[str, Check] = {
            "pause": pausable,
            "unpause": paused,
            "reset": running,
            "softreboot": not_paused,
            "freeze": running,
            "unfreeze": running,
        }
        routes = [web.put(f"{base}/{action}", self._action(action, check)) for action, check in checks.items()]
        told = {"guestosinfo": "guestosinfo", "userlist": "userlist", "filesystemlist": "filesystemlist"}
        return [*routes, *(web.get(f"{base}/{path}", self._told(what)) for path, what in told.items())]

    async def expand(self, request: web.Request) -> web.Response:
        """A VM with its defaults made explicit."""
        vm = await self._objects.vm(*place(request))
        return web.json_response(expanded(vm))

    async def expand_given(self, request: web.Request) -> web.Response:
        """The same for a VM that is sent along."""
        vm = await body_of(request)
        if not vm:
            raise bad_request("Object is not a valid VirtualMachine")
        return web.json_response(expanded(vm))

    def _action(self, action: str, check: Check) -> Callable[[web.Request], Any]:
        async def act(request: web.Request) -> web.Response:
            body = await body_of(request)
            vmi = await self._objects.vmi(*place(request))
            check(vmi)
            if not is_dry_run(body):
                await self._handlers.put(vmi, action)
            return web.Response(status=200)

        return act

    def _told(self, what: str) -> Callable[[web.Request], Any]:
        async def tell(request: web.Request) -> web.Response:
            vmi = await self._objects.vmi(*place(request))
            with_agent(vmi)
            return web.json_response(await self._handlers.get(vmi, what))

        return tell


def expanded(vm: Object) -> Object:
    """A VM whose template states what it would be given at its start."""
    template = vm["spec"]["template"]
    complete = with_defaults({"metadata": {}, "spec": template["spec"]})
    spec = {**vm["spec"], "template": {**template, "spec": complete["spec"]}}
    return {**vm, "spec": spec}
