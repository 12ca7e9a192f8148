"""A tenant: one namespace with its network, and what is created in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import yaml

from conformance.evidence import YAML, attach, step
from conformance.evidence.snapshot import SNAPSHOTS
from conformance.kube import machine_manifests, manifests, policy_manifests
from conformance.kube.api import Object
from conformance.kube.machine_manifests import Nic
from conformance.kube.resources import CUDNS, NAMESPACES, NETWORK_POLICIES, UDNS
from conformance.kube.waits import wait_gone
from conformance.machines.pod import Pod
from conformance.machines.vm import VirtualMachine
from conformance.tenancy.group import Group
from conformance.tenancy.network import Network
from conformance.tenancy.service import Service
from conformance.tenancy.subnets import Subnet
from conformance.traffic.probe import PORT

if TYPE_CHECKING:
    from conformance.tenancy.tenants import Tenants

#: A service's own port is never the one behind it: what a test reaches has gone through the service.
SERVICE_PORT = 8080
PORTS = (
    manifests.service_port(SERVICE_PORT, PORT, "TCP"),
    manifests.service_port(SERVICE_PORT, PORT, "UDP"),
)
#: Prefix lengths of a Layer3 network and of a node's part of it, where a test does not care: 128 nodes find room.
LAYER3_SUBNET = 21
HOST_SUBNET = 28


class Tenant:
    """One namespace; ``network`` is its primary network, once there is one."""

    def __init__(self, tenants: Tenants, namespace: str) -> None:
        self._tenants = tenants
        self.api = tenants.api
        self.run_id = tenants.run_id
        self.namespace = namespace
        self._network: Network | None = None

    def __str__(self) -> str:
        return self.namespace

    @property
    def network(self) -> Network:
        """The tenant's network; ``LookupError`` before one was requested."""
        if self._network is None:
            raise LookupError(f"{self.namespace} has no network: call request_network first")
        return self._network

    @property
    def subnet(self) -> Subnet:
        """The subnet of the tenant's network."""
        return self.network.subnet

    def request_network(
        self,
        name: str = "primary",
        subnet: Subnet | None = None,
        persistent: bool = True,
        mtu: int | None = None,
        ipv6_subnet: Subnet | None = None,
        **fields: Any,
    ) -> Network:
        """Create a primary Layer2 UserDefinedNetwork in the namespace; not awaited. ``fields``: of its ``layer2``."""
        subnet = subnet or self._tenants.new_subnet()
        network = Network(self.api, UDNS, name, self.namespace, subnet, mtu, ipv6_subnet=ipv6_subnet)
        subnets = [str(each) for each in network.subnets]
        manifest = manifests.udn(name, self.namespace, self.run_id, subnets, persistent=persistent, mtu=mtu, **fields)
        with step(f"create UserDefinedNetwork {self.namespace}/{name} ({', '.join(subnets)})"):
            self.api.create(manifest)
        return self._adopt(network)

    def request_layer3(
        self, name: str = "primary", subnet: Subnet | None = None, host_subnet: int = HOST_SUBNET, **fields: Any
    ) -> Network:
        """Create a primary Layer3 UserDefinedNetwork in the namespace; not awaited. ``fields``: of its ``layer3``.

        ``host_subnet`` is the prefix length of each node's part of ``subnet``.
        """
        subnet = subnet or self._tenants.new_subnet(LAYER3_SUBNET)
        parts = [{"cidr": str(subnet), "hostSubnet": host_subnet}]
        manifest = manifests.udn(name, self.namespace, self.run_id, parts, topology="Layer3", **fields)
        with step(f"create UserDefinedNetwork {self.namespace}/{name} ({subnet}, /{host_subnet} a node)"):
            self.api.create(manifest)
        return self._adopt(Network(self.api, UDNS, name, self.namespace, subnet, None, host_subnet))

    def join(self, network: Network) -> None:
        """Take a ClusterUserDefinedNetwork, which selects the namespace, for the tenant's network."""
        self._adopt(network.seen_from(self.namespace))

    def request_cluster_network(self, subnet: Subnet, persistent: bool = True, mtu: int | None = None) -> Network:
        """Create a primary Layer2 ClusterUserDefinedNetwork for this namespace alone; not awaited."""
        selector = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}
        name = self.namespace
        with step(f"create ClusterUserDefinedNetwork {name} ({subnet})"):
            self.api.create(manifests.cudn(name, self.run_id, selector, [str(subnet)], persistent=persistent, mtu=mtu))
        self._tenants.forget_later(CUDNS, name)
        return self._adopt(Network(self.api, CUDNS, name, self.namespace, subnet, mtu))

    def remove(self) -> None:
        """Delete the namespace, with all that is in it, and wait until it is gone."""
        with step(f"delete namespace {self.namespace}"):
            self.api.delete(NAMESPACES, self.namespace)
            wait_gone(self.api, NAMESPACES, self.namespace, timeout="namespace-gone")

    def pod(
        self, name: str, apart_from: str | None = None, labels: Mapping[str, str] | None = None, **spec: Any
    ) -> Pod:
        """Create a pod; not awaited. Pods that name the same ``apart_from`` group run on different nodes.

        ``spec`` is put into the pod's (``hostname``, ``subdomain``…) as it is.
        """
        own = {**(labels or {}), **({manifests.GROUP_LABEL: apart_from} if apart_from else {})}
        manifest = manifests.pod(name, self.namespace, self.run_id, self._tenants.images.pod, labels=own)
        manifest["spec"] |= spec
        if apart_from is not None:
            manifest["spec"] |= manifests.apart(apart_from)
        with step(f"create pod {self.namespace}/{name}"):
            self.api.create(manifest)
        return Pod(self.api, self.namespace, name)

    def pods_apart(self, *names: str) -> list[Pod]:
        """A pod for each name, on different nodes as far as there are nodes; not awaited."""
        return [self.pod(name, apart_from="-".join(names)) for name in names]

    def pod_in_charge_of_its_nics(self, name: str, readiness_port: int) -> Pod:
        """Create a pod that may take its own NICs down, and is ready while it listens on a TCP port; not awaited."""
        images = self._tenants.images
        with step(f"create pod {self.namespace}/{name}"):
            self.api.create(
                manifests.pod_in_charge_of_its_nics(name, self.namespace, self.run_id, images.pod, readiness_port)
            )
        return Pod(self.api, self.namespace, name)

    def machine(
        self,
        name: str,
        apart_from: str | None = None,
        beside: str | None = None,
        addresses: Sequence[str] = (),
        mac: str | None = None,
        nic: Nic | None = None,
        probes: Mapping[str, Object] | None = None,
        network_data: str | None = None,
    ) -> VirtualMachine:
        """Create a VM; not awaited. ``addresses`` and ``mac`` are what it asks for on its network.

        VMs that name the same ``apart_from`` group run on different nodes when they start; ``beside`` names the
        node to run on. ``nic`` is how it is connected, by default with the binding of primary networks; ``probes`` are
        its ``readinessProbe`` and ``livenessProbe``, ``network_data`` is cloud-init's: by default, on a network of both
        families, it has the guest ask for both.
        """
        images = self._tenants.images
        if self._network is not None and self._network.ipv6_subnet is not None:
            network_data = network_data or machine_manifests.BOTH_FAMILIES
        machine = self._tenants.machine(self.namespace, name)
        machine.create(
            machine_manifests.virtual_machine(
                name,
                self.namespace,
                self.run_id,
                images.guest,
                machine.credentials.user,
                machine.credentials.password,
                nics=[nic or Nic(binding=images.binding, addresses=tuple(addresses), mac=mac)],
                apart_from=apart_from,
                node=beside,
                labels={manifests.MACHINE_LABEL: name},
                network_data=network_data,
                authorized_key=machine.credentials.key.public,
                probes=probes,
            )
        )
        return machine

    def service(
        self,
        name: str,
        selector: Mapping[str, str],
        ports: Sequence[Mapping[str, Any]] = PORTS,
        type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP",
        **more: Any,
    ) -> Service:
        """Create a Service; ``more`` goes into its spec as it is. Raises ``Refused`` when the API does not take it."""
        with step(f"create service {self.namespace}/{name}"):
            self.api.create(manifests.service(name, self.namespace, self.run_id, selector, ports, type=type, **more))
        return Service(self.api, self.namespace, name)

    @contextmanager
    def policy(self, name: str, spec: Mapping[str, Any]) -> Iterator[None]:
        """A NetworkPolicy in the namespace until the block ends; no status tells when it takes effect."""
        manifest = policy_manifests.network_policy(name, self.namespace, self.run_id, spec)
        with step(f"create NetworkPolicy {self.namespace}/{name}"):
            attach(f"NetworkPolicy {self.namespace}/{name}", yaml.safe_dump(manifest, sort_keys=False), YAML)
            self.api.create(manifest)
        try:
            yield
        except Exception:
            # What it does to packets is to be seen only while it is there.
            SNAPSHOTS.take_at_once()
            raise
        finally:
            with step(f"delete NetworkPolicy {self.namespace}/{name}"):
                self.api.delete(NETWORK_POLICIES, name, self.namespace)

    def pair(self) -> Group:
        """Two VMs on different nodes; created, not awaited."""
        return Group(self, [self.machine(f"vm-{letter}", apart_from="pair") for letter in "ab"])

    def trio(self) -> Group:
        """Three VMs, two of them on different nodes, so that with two nodes a pair shares one; not awaited."""
        return Group(self, [*self.pair(), self.machine("vm-c")])

    def group(self, *names: str) -> Group:
        """VMs of those names, wherever they come up; created, not awaited."""
        return Group(self, [self.machine(name) for name in names])

    def fill_with_pods(self) -> Pod:
        """Create pods until one finds the subnet exhausted; gives that pod, which waits.

        Raises ``AssertionError`` when more pods run than the subnet has addresses.
        """
        room: int = 2 ** (32 - self.subnet.prefix_length)
        for number in range(room):
            pod = self.pod(f"filler-{number}")
            if not pod.starts_unless("ErrorAllocatingPod"):
                return pod
        raise AssertionError(f"{room} pods run on {self.network}, whose subnet {self.subnet} has fewer addresses")

    def _adopt(self, network: Network) -> Network:
        if self._network is None:
            self._network = network
            SNAPSHOTS.describe(self.namespace, "topology", network.topology)
        return network
