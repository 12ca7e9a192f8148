"""virt-api: the aggregated API server of ``subresources.kubevirt.io``, and KubeVirt's admission webhooks."""

from lab.controllers.kubevirt.virtapi.server import VirtApi

__all__ = ["VirtApi"]
