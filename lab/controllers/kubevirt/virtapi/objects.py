"""What virt-api reads of VMs and VMIs: always from the API, as a user's next call depends on the last."""

from __future__ import annotations

import json
from typing import Any

import yaml
from aiohttp import web

from lab.client import Client, NotFound
from lab.controllers.kubevirt.instance import is_owned_by
from lab.controllers.kubevirt.virtapi.answers import bad_request, conflict, not_found
from lab.resources import VMIS, VMS

Object = dict[str, Any]

VM = "virtualmachine"
VMI = "virtualmachineinstance"


def place(request: web.Request) -> tuple[str, str]:
    """Name and namespace that a request's path speaks of."""
    return request.match_info["name"], request.match_info["namespace"]


async def body_of(request: web.Request) -> Object:
    """The options in a request's body, JSON or YAML; empty when there are none. ``Refusal`` 400 for anything else."""
    text = await request.text()
    if not text.strip():
        return {}
    try:
        body = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"Can not unmarshal Request body to struct, error: {error}") from error
    if not isinstance(body, dict):
        raise bad_request("Can not unmarshal Request body to struct, error: not an object")
    return body


def is_dry_run(body: Object) -> bool:
    """Whether the options ask for a trial only."""
    return body.get("dryRun") == ["All"]


class Objects:
    """VMs and VMIs by name; ``Refusal`` 404 when there is none."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def vm(self, name: str, namespace: str) -> Object:
        """The VM of that name."""
        try:
            return await self._client.get(VMS, name, namespace)
        except NotFound as error:
            raise not_found(VM, name) from error

    async def vmi(self, name: str, namespace: str) -> Object:
        """The VMI of that name."""
        try:
            return await self._client.get(VMIS, name, namespace)
        except NotFound as error:
            raise not_found(VMI, name) from error

    async def vmi_or_none(self, name: str, namespace: str) -> Object | None:
        """The VMI of that name, if there is one."""
        try:
            return await self._client.get(VMIS, name, namespace)
        except NotFound:
            return None

    async def vmi_of_vm(self, name: str, namespace: str) -> Object:
        """The VMI that belongs to the VM of that name; ``Refusal`` 409 when it is not started."""
        vm = await self.vm(name, namespace)
        if not (vm.get("status") or {}).get("created"):
            raise conflict(VM, name, "VMI is not started")
        vmi = await self.vmi(name, namespace)
        if not is_owned_by(vmi, vm):
            raise conflict(VM, name, "VMI is not started")
        return vmi
