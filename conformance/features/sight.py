"""What detectors look at: the cluster's API and this machine, each thing read once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from conformance.kube.api import Api
from conformance.kube.errors import NotFound
from conformance.kube.resources import CUDNS, DAEMON_SETS, KUBEVIRTS, NODES, UDNS, Resource

Object = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """What the user said that features and versions depend on."""

    virtctl: str | None = None
    outside: str | None = None
    outside_name: str | None = None
    outside_shell: str | None = None
    interface_binding: str = "l2bridge"
    image: str | None = None
    baseline: str | None = None


class Sight:
    """Lazy reads of one cluster, safe to use from several threads; what fails raises the API's own errors.

    A read that failed is not tried again: the API's own retries are spent by then.
    """

    def __init__(self, api: Api, given: Given) -> None:
        self.api = api
        self.given = given
        self._lock = threading.Lock()
        self._answers: dict[object, Future[Any]] = {}

    def once(self, key: object, read: Callable[[], T]) -> T:
        """What ``read`` gives, or raises, the first time that ``key`` is asked for."""
        with self._lock:
            known = key in self._answers
            answer: Future[T] = self._answers.setdefault(key, Future())
        if not known:
            try:
                answer.set_result(read())
            except Exception as error:
                answer.set_exception(error)
        return answer.result()

    def served(self, resource: Resource) -> bool:
        """Whether the API serves this kind."""
        return resource.plural in self.plurals(resource.api_version)

    def plurals(self, group_version: str) -> frozenset[str]:
        """What one group and version of the API serves; nothing when it is not there."""
        return self.once(("plurals", group_version), lambda: self._plurals(group_version))

    def _plurals(self, group_version: str) -> frozenset[str]:
        try:
            answer = self.api.raw(f"/apis/{group_version}")
        except NotFound:
            answer = {}
        return frozenset(entry["name"] for entry in answer.get("resources") or [])

    @property
    def groups(self) -> frozenset[str]:
        """The names of the API's groups."""
        return self.once(
            "groups", lambda: frozenset(each["name"] for each in self.api.raw("/apis").get("groups") or [])
        )

    @property
    def nodes(self) -> list[Object]:
        """Every node."""
        return self.once("nodes", lambda: list(self.api.list(NODES)))

    @property
    def kubevirt(self) -> Object | None:
        """The KubeVirt object, when KubeVirt is installed."""
        return self.once("kubevirt", self._kubevirt)

    def _kubevirt(self) -> Object | None:
        if not self.served(KUBEVIRTS):
            return None
        return next(iter(self.api.list(KUBEVIRTS)), None)

    @property
    def kubevirt_configuration(self) -> Object:
        """``spec.configuration`` of the KubeVirt object; empty when there is none."""
        configuration: Object = ((self.kubevirt or {}).get("spec") or {}).get("configuration") or {}
        return configuration

    def daemon_set(self, *names: str) -> Object | None:
        """The first DaemonSet of one of these names, in whichever namespace."""
        for name in names:
            found = self.once(("daemon set", name), lambda name=name: self._daemon_set(name))  # type: ignore[misc]
            if found is not None:
                return found
        return None

    def _daemon_set(self, name: str) -> Object | None:
        listed = self.api.list(DAEMON_SETS, fields=f"metadata.name={name}")
        return next((each for each in listed if each["metadata"]["name"] == name), None)

    @property
    def networks(self) -> list[Object]:
        """Every UserDefinedNetwork and ClusterUserDefinedNetwork."""
        return self.once("networks", self._networks)

    def _networks(self) -> list[Object]:
        return [network for kind in (UDNS, CUDNS) if self.served(kind) for network in self.api.list(kind)]

    @property
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
