"""Faults of how OVN-Kubernetes is set up, as its administrator can read it."""

from __future__ import annotations

import copy
from typing import Any

from lab.client import Client
from lab.config import LabConfig
from lab.controllers import manifests
from lab.faults.registry import fault
from lab.faults.seams import Faults
from lab.resources import DAEMON_SETS

Object = dict[str, Any]

OLD_DEFAULT = "169.254.169.0/29"
"""What ovnkube takes by itself, and what clusters keep that were made before user-defined networks."""


async def write_settings(config: LabConfig) -> None:
    """Write the DaemonSet of OVN-Kubernetes again, as the planted faults have it."""
    async with Client.from_kubeconfig(config.kubeconfig, "faults", Faults(config.state)) as client:
        for obj in manifests.load():
            if obj["kind"] == DAEMON_SETS.kind:
                await manifests.ensure(client, DAEMON_SETS, obj)


SMALL_MASQUERADE = fault(
    "masquerade-subnet-too-small",
    "the masquerade subnet is the old default of eight addresses",
    "upgrade/masquerade-subnet-large-enough",
    message=r"masquerade subnet 169\.254\.169\.0/29 .* holds the addresses of 0 user-defined networks, there are \d+",
    settle=write_settings,
)


@SMALL_MASQUERADE.at(f"api.{DAEMON_SETS.kind}")
def _old_default(daemons: Object, **_: object) -> Object:
    daemons = copy.deepcopy(daemons)
    template = daemons.get("spec", {}).get("template", {}).get("spec", {})
    for container in template.get("containers", []):
        for variable in container.get("env", []):
            if variable["name"] == "OVN_V4_MASQUERADE_SUBNET":
                variable["value"] = OLD_DEFAULT
    return daemons
