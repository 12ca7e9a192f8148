"""The cluster of a run: reached through a kubeconfig, and asked what tests need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from conformance.context import RunContext
from conformance.features.ovn_kubernetes import DAEMONS, Masquerade, OvnKubernetes
from conformance.features.sight import Given, Sight, node_addresses
from conformance.kube.api import Api, Object
from conformance.kube.resources import CONFIG_MAPS, KUBEVIRTS, NODES, SERVICES
from conformance.machines.access import Access, Credentials
from conformance.machines.virtctl import Virtctl
from conformance.verdicts import Blocked, NotApplicable

# Where clusters keep their DNS service: Kubernetes' own add-on, and OpenShift's operator.
DNS_SERVICES = (("kube-system", "kube-dns"), ("openshift-dns", "dns-default"))


@dataclass(frozen=True)
class Cluster:
    """One cluster, as the run's user."""

    access: Access

    @classmethod
    def connect(cls, run: RunContext) -> Cluster:
        """The cluster of ``run``; raises ``KubeconfigError``."""
        kubeconfig, context = run.cluster.kubeconfig, run.cluster.context
        api = Api.connect(kubeconfig, context, run.timeouts)
        virtctl = Virtctl(run.virtctl or "virtctl", kubeconfig, context, run.timeouts)
        return cls(Access(api, virtctl, Credentials(run.guest.user, run.guest.password), run.run_id))

    @property
    def api(self) -> Api:
        """The cluster's API."""
        return self.access.api

    @cached_property
    def api_address(self) -> str:
        """ClusterIP of the API server's service."""
        return str(self.api.get(SERVICES, "kubernetes", "default")["spec"]["clusterIP"])

    @cached_property
    def node_addresses(self) -> dict[str, str]:
        """Internal address of each node, by its name."""
        return node_addresses(self.api.list(NODES))

    def authority(self, namespace: str) -> str:
        """The certificates (PEM) by which workloads of a namespace recognise the API server."""
        return str(self.api.get(CONFIG_MAPS, "kube-root-ca.crt", namespace)["data"]["ca.crt"])

    @cached_property
    def binding_plugins(self) -> list[str]:
        """Names of the network binding plugins that are registered with KubeVirt."""
        found = [kubevirt.get("spec", {}).get("configuration") or {} for kubevirt in self.api.list(KUBEVIRTS)]
        return sorted({name for each in found for name in (each.get("network") or {}).get("binding") or {}})

    @property
    def masquerade(self) -> Masquerade:
        """The masquerade subnet that OVN-Kubernetes is set up with; ``NotApplicable`` when it cannot be read."""
        found = OvnKubernetes.of(Sight(self.api, Given()))
        if found is None:
            raise NotApplicable("masquerade-subnet", f"no DaemonSet {DAEMONS} to read it from")
        return found.masquerade()

    @property
    def user_defined_networks(self) -> list[Object]:
        """Every UserDefinedNetwork and ClusterUserDefinedNetwork, of this run and of others."""
        return Sight(self.api, Given()).networks

    @cached_property
    def dns_address(self) -> str:
        """ClusterIP of the cluster's DNS service; ``Blocked`` when there is none where clusters keep it."""
        for namespace, name in DNS_SERVICES:
            service = self.api.find(SERVICES, name, namespace)
            if service is not None:
                return str(service["spec"]["clusterIP"])
        places = " nor ".join(f"{namespace}/{name}" for namespace, name in DNS_SERVICES)
        raise Blocked(f"the cluster's DNS service is neither {places}")
