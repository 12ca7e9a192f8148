"""Makes the tenants of a run, and takes them away."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

from conformance.cluster import Cluster
from conformance.context import RunContext
from conformance.evidence import step
from conformance.evidence.snapshot import SNAPSHOTS
from conformance.kube import manifests
from conformance.kube.api import Api
from conformance.kube.resources import CUDNS, NAMESPACES, Resource
from conformance.kube.waits import wait_gone
from conformance.machines.access import Access
from conformance.machines.vm import VirtualMachine
from conformance.tenancy.group import Group
from conformance.tenancy.subnets import Subnet, SubnetPool
from conformance.tenancy.tenant import Tenant


@dataclass(frozen=True)
class Images:
    """What workloads are made of."""

    guest: str
    pod: str
    binding: str


class Tenants:
    """The tenants of one worker of a run. Names carry the run and the worker, so that runs do not meet."""

    @classmethod
    def of(cls, run: RunContext, cluster: Cluster, worker: str) -> Tenants:
        """The tenants of ``worker`` (``gw0``, ``gw1``…, or ``master`` when there is but one)."""
        number = int(worker.removeprefix("gw")) if worker.startswith("gw") else 0
        images = Images(run.guest.image, run.guest.pod_image, run.guest.interface_binding)
        return cls(cluster.access, images, SubnetPool(worker=number), f"udn-{run.run_id}-{number}")

    def __init__(self, access: Access, images: Images, subnets: SubnetPool, stem: str) -> None:
        self.access = access
        self.api: Api = access.api
        self.run_id = access.run_id
        self.images = images
        self._subnets = subnets
        self._stem = stem
        self._numbers = itertools.count(1)
        self._namespaces: list[str] = []
        self._cluster_wide: list[tuple[Resource, str]] = []

    def new_subnet(self, prefix_length: int = 24) -> Subnet:
        """A subnet that no other network of the run has."""
        return self._subnets.new(prefix_length)

    def empty(self, name: str) -> Tenant:
        """A namespace with the label of primary networks, and no network."""
        return self._tenant(name, labelled=True)

    def without_label(self, name: str) -> Tenant:
        """A namespace without that label."""
        return self._tenant(name, labelled=False)

    def primary_layer2(
        self,
        name: str,
        subnet: Subnet | None = None,
        prefix_length: int = 24,
        mtu: int | None = None,
        kind: Literal["UserDefinedNetwork", "ClusterUserDefinedNetwork"] = "UserDefinedNetwork",
    ) -> Tenant:
        """A namespace with a ready primary Layer2 network, whose addresses are persistent."""
        tenant = self.empty(name)
        subnet = subnet or self.new_subnet(prefix_length)
        if kind == CUDNS.kind:
            network = tenant.request_cluster_network(subnet, mtu=mtu)
        else:
            network = tenant.request_network(subnet=subnet, mtu=mtu)
        network.wait_ready()
        return tenant

    def pairs(self, *tenants: Tenant) -> tuple[Group, ...]:
        """A pair of VMs in each tenant, created together; not awaited."""
        return tuple(tenant.pair() for tenant in tenants)

    def machine(self, namespace: str, name: str) -> VirtualMachine:
        """The VM of that name, with credentials of its own; not created."""
        return VirtualMachine(self.access, namespace, name)

    def forget_later(self, resource: Resource, name: str) -> None:
        """Note a cluster-wide object that goes with the tenants."""
        self._cluster_wide.append((resource, name))

    def remove(self) -> None:
        """Delete everything that was made, namespaces before the cluster-wide networks that they use."""
        with step(f"remove {len(self._namespaces)} namespaces"):
            for namespace in self._namespaces:
                self.api.delete(NAMESPACES, namespace)
            for resource, name in self._cluster_wide:
                self.api.delete(resource, name)
            for namespace in self._namespaces:
                wait_gone(self.api, NAMESPACES, namespace, timeout="namespace-gone")
                SNAPSHOTS.drop_namespace(namespace)
            for resource, name in self._cluster_wide:
                wait_gone(self.api, resource, name)
        self._namespaces.clear()
        self._cluster_wide.clear()

    def _tenant(self, name: str, labelled: bool) -> Tenant:
        namespace = f"{self._stem}-{next(self._numbers)}-{name}"
        with step(f"create namespace {namespace}"):
            self.api.create(manifests.namespace(namespace, self.run_id, primary_udn=labelled))
        self._namespaces.append(namespace)
        SNAPSHOTS.add_namespace(namespace)
        return Tenant(self, namespace)
