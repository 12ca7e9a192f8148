"""The cluster of a run: reached through a kubeconfig, and asked what tests need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from conformance.context import RunContext
from conformance.kube.api import Api
from conformance.kube.resources import SERVICES
from conformance.machines.access import Access, Credentials
from conformance.machines.virtctl import Virtctl
from conformance.verdicts import Blocked

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
    def dns_address(self) -> str:
        """ClusterIP of the cluster's DNS service; ``Blocked`` when there is none where clusters keep it."""
        for namespace, name in DNS_SERVICES:
            service = self.api.find(SERVICES, name, namespace)
            if service is not None:
                return str(service["spec"]["clusterIP"])
        places = " nor ".join(f"{namespace}/{name}" for namespace, name in DNS_SERVICES)
        raise Blocked(f"the cluster's DNS service is neither {places}")
