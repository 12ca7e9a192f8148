"""What detectors look at: the cluster's API and this machine, each thing read once."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.kube.api import Api
from conformance.kube.errors import NotFound
from conformance.kube.resources import KUBEVIRTS, NODES, Resource

Object = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """What the user said that features depend on."""

    virtctl: str | None = None
    outside: str | None = None
    outside_name: str | None = None
    outside_shell: str | None = None
    interface_binding: str = "l2bridge"


class Sight:
    """Lazy reads of one cluster; what fails raises the API's own errors."""

    def __init__(self, api: Api, given: Given) -> None:
        self.api = api
        self.given = given
        self._served: dict[str, frozenset[str]] = {}

    def served(self, resource: Resource) -> bool:
        """Whether the API serves this kind."""
        return resource.plural in self.plurals(resource.api_version)

    def plurals(self, group_version: str) -> frozenset[str]:
        """What one group and version of the API serves; nothing when it is not there."""
        if group_version not in self._served:
            try:
                answer = self.api.raw(f"/apis/{group_version}")
            except NotFound:
                answer = {}
            self._served[group_version] = frozenset(entry["name"] for entry in answer.get("resources") or [])
        return self._served[group_version]

    @cached_property
    def groups(self) -> frozenset[str]:
        """The names of the API's groups."""
        return frozenset(group["name"] for group in self.api.raw("/apis").get("groups") or [])

    @cached_property
    def nodes(self) -> list[Object]:
        """Every node."""
        return list(self.api.list(NODES))

    @cached_property
    def kubevirt(self) -> Object | None:
        """The KubeVirt object, when KubeVirt is installed."""
        if not self.served(KUBEVIRTS):
            return None
        return next(iter(self.api.list(KUBEVIRTS)), None)

    @cached_property
    def kubevirt_configuration(self) -> Object:
        """``spec.configuration`` of the KubeVirt object; empty when there is none."""
        configuration: Object = ((self.kubevirt or {}).get("spec") or {}).get("configuration") or {}
        return configuration

    @cached_property
    def virtctl(self) -> str | None:
        """The virtctl to use, as a path; None when it cannot be run."""
        return shutil.which(self.given.virtctl or "virtctl")


def node_addresses(nodes: Iterable[Object]) -> dict[str, str]:
    """The first internal address of each node that tells one, by the node's name."""
    found: dict[str, str] = {}
    for node in nodes:
        for entry in (node.get("status") or {}).get("addresses") or []:
            if entry.get("type") == "InternalIP":
                found.setdefault(node["metadata"]["name"], entry["address"])
    return found
