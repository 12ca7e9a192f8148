"""Makes the tenants of a run, and takes them away."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

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
from conformance.makers import MAKERS
from conformance.tenancy.group import Group
from conformance.tenancy.network import Network
from conformance.tenancy.subnets import Subnet, SubnetPool
from conformance.tenancy.tenant import HOST_SUBNET, LAYER3_SUBNET, Tenant

NAMESPACE_NAME = "kubernetes.io/metadata.name"
SYSTEM_PREFIXES = ("default", "kube-", "openshift-")


@dataclass(frozen=True)
class Images:
    """What workloads are made of."""

    guest: str
    pod: str
    binding: str


@dataclass(frozen=True)
class _Made:
    """A namespace or a cluster-wide object, and who made it."""

    resource: Resource
    name: str
    maker: Hashable


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
        self._made: list[_Made] = []
        self._leaving: list[_Made] = []

    def new_subnet(self, prefix_length: int = 24) -> Subnet:
        """A subnet that no other network of the run has."""
        return self._subnets.new(prefix_length)

    def empty(self, name: str, labels: Mapping[str, str] | None = None) -> Tenant:
        """A namespace with the label of primary networks (and others), and no network."""
        return self._tenant(name, labelled=True, labels=labels)

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

    def dual_stack(self, name: str) -> Tenant:
        """A namespace with a ready primary Layer2 network that has a subnet of each family."""
        tenant = self.empty(name)
        tenant.request_network(ipv6_subnet=self._subnets.new_ipv6()).wait_ready()
        return tenant

    def primary_layer3(self, name: str) -> Tenant:
        """A namespace with a ready primary Layer3 network."""
        tenant = self.empty(name)
        tenant.request_layer3().wait_ready()
        return tenant

    def sharing(self, *names: str, topology: Literal["Layer2", "Layer3"] = "Layer2") -> tuple[Tenant, ...]:
        """A namespace for each name, all on one ready primary ClusterUserDefinedNetwork that selects them by name."""
        members = tuple(self.empty(name) for name in names)
        values = [member.namespace for member in members]
        selector = {"matchExpressions": [{"key": NAMESPACE_NAME, "operator": "In", "values": values}]}
        network = self.request_cluster_network(names[0], selector, topology=topology)
        network.wait_ready()
        for member in members:
            member.join(network)
        return members

    def request_cluster_network(
        self,
        name: str,
        selector: dict[str, Any],
        topology: Literal["Layer2", "Layer3"] = "Layer2",
    ) -> Network:
        """Create a primary ClusterUserDefinedNetwork for the namespaces that ``selector`` selects; not awaited."""
        host_subnet = HOST_SUBNET if topology == "Layer3" else None
        subnet = self.new_subnet(LAYER3_SUBNET if host_subnet else 24)
        parts: list[Any] = [{"cidr": str(subnet), "hostSubnet": host_subnet} if host_subnet else str(subnet)]
        name = f"{self._stem}-{next(self._numbers)}-{name}"
        with step(f"create ClusterUserDefinedNetwork {name} ({subnet})"):
            self.api.create(manifests.cudn(name, self.run_id, selector, parts, topology=topology))
        self.forget_later(CUDNS, name)
        return Network(self.api, CUDNS, name, "", subnet, None, host_subnet)

    def existing(self, namespace: str) -> Tenant:
        """A namespace that the cluster had before the run, and keeps."""
        return Tenant(self, namespace)

    def system_namespaces(self) -> list[str]:
        """The cluster's own namespaces that there are: ``default``, and the first of ``kube-*`` and ``openshift-*``."""
        names = sorted(obj["metadata"]["name"] for obj in self.api.list(NAMESPACES))
        found = (next((name for name in names if name.startswith(prefix)), None) for prefix in SYSTEM_PREFIXES)
        return [name for name in found if name is not None]

    def pairs(self, *tenants: Tenant) -> tuple[Group, ...]:
        """A pair of VMs in each tenant, created together; not awaited."""
        return tuple(tenant.pair() for tenant in tenants)

    def machine(self, namespace: str, name: str) -> VirtualMachine:
        """The VM of that name, with credentials of its own; not created."""
        return VirtualMachine(self.access, namespace, name)

    def forget_later(self, resource: Resource, name: str) -> None:
        """Note a namespace or another cluster-wide object that goes with the test or fixture that makes it."""
        self._made.append(_Made(resource, name, MAKERS.innermost()))

    def let_go(self, maker: Hashable) -> None:
        """Delete what ``maker`` made, without waiting for it: :meth:`remove` does. Raises the API's errors."""
        self._delete([each for each in self._made if each.maker == maker])

    def remove(self) -> None:
        """Delete everything that was made, and wait until it is gone."""
        self._delete(self._made)
        with step(f"wait until {len(self._leaving)} namespaces and networks are gone"):
            for each in _namespaces_first(self._leaving):
                timeout = "namespace-gone" if each.resource is NAMESPACES else "object-gone"
                wait_gone(self.api, each.resource, each.name, timeout=timeout)
        self._leaving.clear()

    def _delete(self, leaving: Sequence[_Made]) -> None:
        for each in _namespaces_first(leaving):
            self.api.delete(each.resource, each.name)
            self._made.remove(each)
            self._leaving.append(each)
            if each.resource is NAMESPACES:
                SNAPSHOTS.drop_namespace(each.name)

    def _tenant(self, name: str, labelled: bool, labels: Mapping[str, str] | None = None) -> Tenant:
        namespace = f"{self._stem}-{next(self._numbers)}-{name}"
        with step(f"create namespace {namespace}"):
            self.api.create(manifests.namespace(namespace, self.run_id, primary_udn=labelled, labels=labels))
        self.forget_later(NAMESPACES, namespace)
        SNAPSHOTS.add_namespace(namespace)
        return Tenant(self, namespace)


def _namespaces_first(objects: Sequence[_Made]) -> list[_Made]:
    """Before the cluster-wide networks that they use."""
    return sorted(objects, key=lambda each: each.resource is not NAMESPACES)
