"""EndpointSlices of services on primary networks: copies of the default ones, with the addresses that pods have there.

The labels and annotations are OVN-Kubernetes' (its document "User Defined Networks", on the mirror controller): the
copy does not bear ``kubernetes.io/service-name``, so that DNS and the default network's services do not see it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import ip_interface
from typing import Any

from lab.client import NotFound
from lab.controllers.manifests import ensure
from lab.controllers.networks.annotation import read_pod_networks
from lab.controllers.networks.definition import Attachment
from lab.controllers.networks.registry import MissingPrimary, Registry
from lab.controllers.runtime import Context, Controller, Key, key_of
from lab.resources import ENDPOINT_SLICES, PODS

Object = dict[str, Any]

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
DEFAULT_CONTROLLER = "endpointslice-controller.k8s.io"
MIRROR_CONTROLLER = "endpointslice-mirror-controller.k8s.ovn.org"
DEFAULT_SERVICE = "kubernetes.io/service-name"
SERVICE = "k8s.ovn.org/service-name"
SOURCE_VERSION = "k8s.ovn.org/source-endpointslice-version"
NETWORK = "k8s.ovn.org/endpointslice-network"
SOURCE = "k8s.ovn.org/source-endpointslice"
_FAMILIES = {"IPv4": 4, "IPv6": 6}


class EndpointSliceMirror:
    """Keeps one copy of each default slice in namespaces with a primary network."""

    def __init__(self, context: Context, registry: Registry) -> None:
        self._client = context.client
        self._faults = context.faults
        self._registry = registry
        self._slices = context.informers.of(ENDPOINT_SLICES)
        self._pods = context.informers.of(PODS)
        self.controller = Controller("endpointslice-mirror", self.reconcile)
        self.controller.watch(self._slices, keys=_source_of)
        self.controller.watch(self._pods, keys=self._slices_of)

    async def reconcile(self, key: Key) -> None:
        """Bring the copy of one default slice in line with it."""
        source = self._slices.get(key.namespace, key.name)
        copies = [one for one in self._slices.list() if is_mirror(one) and key in _source_of(one)]
        attachment = await self._attachment(key.namespace) if source is not None else None
        if source is None or attachment is None or "deletionTimestamp" in source["metadata"]:
            for copy in copies:
                await self._delete(key_of(copy))
            return
        wanted = self._copy(source, attachment)
        name = wanted["metadata"]["name"]
        present = next((copy for copy in copies if copy["metadata"]["name"] == name), None)
        for copy in copies:
            if copy is not present:
                await self._delete(key_of(copy))
        if present is None or not _says(present, wanted):
            await ensure(self._client, ENDPOINT_SLICES, wanted)

    async def _attachment(self, namespace: str) -> Attachment | None:
        try:
            return await self._registry.primary_of(namespace)
        except MissingPrimary:
            return None

    def _copy(self, source: Object, attachment: Attachment) -> Object:
        metadata = source["metadata"]
        service = metadata["labels"][DEFAULT_SERVICE]
        suffix = hashlib.sha256(f"{attachment.definition.network} {metadata['uid']}".encode()).hexdigest()[:10]
        labels = {name: value for name, value in metadata["labels"].items() if name != DEFAULT_SERVICE}
        endpoints = [self._endpoint(one, source, attachment) for one in source.get("endpoints") or ()]
        return {
            "metadata": {
                "name": f"{attachment.name}-{service}-{suffix}",
                "namespace": metadata["namespace"],
                "labels": {
                    **labels,
                    MANAGED_BY: MIRROR_CONTROLLER,
                    SERVICE: service,
                    SOURCE_VERSION: metadata["resourceVersion"],
                },
                "annotations": {NETWORK: attachment.definition.network, SOURCE: metadata["name"]},
                "ownerReferences": metadata.get("ownerReferences") or [],
            },
            "addressType": source["addressType"],
            "endpoints": [one for one in endpoints if one["addresses"]],
            "ports": source.get("ports") or [],
        }

    def _endpoint(self, endpoint: Object, source: Object, attachment: Attachment) -> Object:
        reference = endpoint.get("targetRef") or {}
        pod = self._pods.get(source["metadata"]["namespace"], str(reference.get("name", "")))
        if pod is None or pod["spec"].get("hostNetwork"):
            return endpoint if pod is not None else {**endpoint, "addresses": []}
        if not self._faults.decide("slices.mirrored", True, pod=pod, network=attachment.definition.network):
            return {**endpoint, "addresses": []}
        entry = read_pod_networks(pod).get(attachment.key) or {}
        hosts = [ip_interface(address).ip for address in entry.get("ip_addresses") or ()]
        family = _FAMILIES[source["addressType"]]
        return {**endpoint, "addresses": [str(host) for host in hosts if host.version == family]}

    def _slices_of(self, pod: Object) -> Iterable[Key]:
        place = pod["metadata"]
        for one in self._slices.list():
            if one["metadata"]["namespace"] == place["namespace"] and _is_default(one):
                names = {(endpoint.get("targetRef") or {}).get("name") for endpoint in one.get("endpoints") or ()}
                if place["name"] in names:
                    yield key_of(one)

    async def _delete(self, key: Key) -> None:
        try:
            await self._client.delete(ENDPOINT_SLICES, key.name, key.namespace)
        except NotFound:
            return


def is_mirror(endpoint_slice: Object) -> bool:
    """Whether a slice is such a copy."""
    return (endpoint_slice["metadata"].get("labels") or {}).get(MANAGED_BY) == MIRROR_CONTROLLER


def _says(present: Object, wanted: Object) -> bool:
    labels = present["metadata"]["labels"] == wanted["metadata"]["labels"]
    return labels and all(present.get(field) == wanted[field] for field in ("endpoints", "ports"))


def _is_default(endpoint_slice: Object) -> bool:
    labels = endpoint_slice["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == DEFAULT_CONTROLLER and DEFAULT_SERVICE in labels


def _source_of(endpoint_slice: Object) -> Iterable[Key]:
    """The key of the default slice that a slice is, or is a copy of."""
    if _is_default(endpoint_slice):
        return (key_of(endpoint_slice),)
    source = (endpoint_slice["metadata"].get("annotations") or {}).get(SOURCE)
    return (Key(endpoint_slice["metadata"]["namespace"], source),) if is_mirror(endpoint_slice) and source else ()
