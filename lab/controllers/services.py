"""Endpoints and EndpointSlices of services with a selector, from the pods' addresses on the default network.

Endpoints hold addresses of the service's first family; each of its families has a slice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from lab.client import AlreadyExists, Informer, NotFound, Refused
from lab.config import API_PORT
from lab.controllers.manifests import ensure
from lab.controllers.placement import finished
from lab.controllers.runtime import Context, Controller, Key, key_of
from lab.resources import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES, Resource

Object = dict[str, Any]

_OWN_PORTS: dict[Key, list[Object]] = {
    Key("default", "kubernetes"): [{"name": "https", "port": API_PORT, "protocol": "TCP"}],
    Key("kube-system", "kube-dns"): [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ],
}
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_CONTROLLER = "endpointslice-controller.k8s.io"


async def build(context: Context) -> Sequence[Controller]:
    """The controller of both kinds; the endpoints of the API and of DNS are written at once."""
    services, pods = context.informers.of(SERVICES), context.informers.of(PODS)
    await _publish_own(context)
    endpoints = _Endpoints(context, services, pods)
    controller = Controller("endpoints", endpoints.reconcile)
    controller.watch(services)
    controller.watch(pods, keys=endpoints.services_of)
    return [controller]


class _Endpoints:
    def __init__(self, context: Context, services: Informer, pods: Informer) -> None:
        self._client = context.client
        self._services, self._pods = services, pods
        self._endpoints = context.informers.of(ENDPOINTS)
        self._slices = context.informers.of(ENDPOINT_SLICES)

    def services_of(self, pod: Object) -> Iterable[Key]:
        """Keys of the services whose selector matches a pod."""
        namespace = pod["metadata"]["namespace"]
        labels = pod["metadata"].get("labels") or {}
        for service in self._services.list():
            if service["metadata"]["namespace"] == namespace and _selected(service, labels):
                yield key_of(service)

    async def reconcile(self, key: Key) -> None:
        """Write the two objects of one service. They go with it by their owner reference."""
        service = self._services.get(key.namespace, key.name)
        if service is None or not service["spec"].get("selector") or "deletionTimestamp" in service["metadata"]:
            return
        pods = [
            pod
            for pod in self._pods.list()
            if pod["metadata"]["namespace"] == key.namespace
            and _selected(service, pod["metadata"].get("labels") or {})
            and pod.get("status", {}).get("podIP")
            and not finished(pod)
        ]
        pods.sort(key=lambda pod: str(pod["metadata"]["name"]))
        await self._write(ENDPOINTS, self._endpoints, endpoints_of(service, pods))
        families = families_of(service)
        for family in families:
            await self._write(ENDPOINT_SLICES, self._slices, slice_of(service, pods, family))
        for one in self._slices.list():
            ours = one["metadata"].get("labels") or {}
            mine = ours.get(MANAGED_BY) == _CONTROLLER and ours.get(SERVICE_NAME) == key.name
            if mine and one["metadata"]["namespace"] == key.namespace and one["addressType"] not in families:
                await self._remove(one)

    async def _write(self, resource: Resource, informer: Informer, wanted: Object) -> None:
        metadata = wanted["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        present = informer.get(namespace, name)
        if present is not None and all(present.get(field) == wanted[field] for field in wanted if field != "metadata"):
            return
        try:
            if present is None:
                await self._client.create(resource, wanted)
            else:
                await self._client.patch(resource, name, namespace, wanted)
        except (AlreadyExists, NotFound):
            await ensure(self._client, resource, wanted)
        except Refused as error:
            if error.code != 403:  # the namespace is going away, and its services with it
                raise

    async def _remove(self, endpoint_slice: Object) -> None:
        metadata = endpoint_slice["metadata"]
        with suppress(NotFound):
            await self._client.delete(ENDPOINT_SLICES, metadata["name"], metadata["namespace"])


def families_of(service: Object) -> tuple[str, ...]:
    """The address families of a service, ``IPv4`` and ``IPv6``, in its order."""
    return tuple(service["spec"].get("ipFamilies") or ("IPv4",))


def endpoints_of(service: Object, pods: Sequence[Object]) -> Object:
    """The Endpoints object of a service with these pods."""
    family = families_of(service)[0]
    pods = [pod for pod in pods if _address(pod, family)]
    ready = [_endpoint_address(pod, family) for pod in pods if _ready(pod, service)]
    waiting = [_endpoint_address(pod, family) for pod in pods if not _ready(pod, service)]
    subset: Object = {}
    if ready:
        subset["addresses"] = ready
    if waiting:
        subset["notReadyAddresses"] = waiting
    if subset and service["spec"].get("ports"):
        subset["ports"] = [_port(port, pods) for port in service["spec"]["ports"]]
    return {"metadata": _metadata(service, service["metadata"]["name"], {}), "subsets": [subset] if subset else []}


def slice_of(service: Object, pods: Sequence[Object], family: str) -> Object:
    """The EndpointSlice of a service with these pods' addresses of a family."""
    name = str(service["metadata"]["name"])
    suffix = hashlib.sha256(f"{service['metadata']['uid']} {family}".encode()).hexdigest()[:10]
    labels = {SERVICE_NAME: name, MANAGED_BY: _CONTROLLER}
    if service["spec"].get("clusterIP") == "None":
        labels["service.kubernetes.io/headless"] = ""
    return {
        "metadata": _metadata(service, f"{name}-{suffix}", labels),
        "addressType": family,
        "endpoints": [_slice_endpoint(service, pod, family) for pod in pods if _address(pod, family)],
        "ports": [_port(port, pods) for port in service["spec"].get("ports") or ()],
    }


def _metadata(service: Object, name: str, labels: dict[str, str]) -> Object:
    owner = service["metadata"]
    return {
        "name": name,
        "namespace": owner["namespace"],
        "labels": {**(owner.get("labels") or {}), **labels},
        "ownerReferences": [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "name": owner["name"],
                "uid": owner["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def _address(pod: Object, family: str) -> str:
    """A pod's address of a family; empty without one."""
    status = pod["status"]
    addresses = [entry["ip"] for entry in status.get("podIPs") or ()] or [status["podIP"]]
    return next((address for address in addresses if (":" in address) == (family == "IPv6")), "")


def _slice_endpoint(service: Object, pod: Object, family: str) -> Object:
    ready = _ready(pod, service)
    terminating = "deletionTimestamp" in pod["metadata"]
    spec = pod["spec"]
    named = spec.get("subdomain") == service["metadata"]["name"] and spec.get("hostname")
    return {
        **({"hostname": spec["hostname"]} if named else {}),
        "addresses": [_address(pod, family)],
        "conditions": {"ready": ready and not terminating, "serving": ready, "terminating": terminating},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": _reference(pod),
    }


def _endpoint_address(pod: Object, family: str) -> Object:
    node = pod["spec"].get("nodeName", "")
    return {"ip": _address(pod, family), "nodeName": node, "targetRef": _reference(pod)}


def _reference(pod: Object) -> Object:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def _port(port: Object, pods: Sequence[Object]) -> Object:
    target = port.get("targetPort") or port["port"]
    number = target if isinstance(target, int) else _named_port(str(target), pods) or port["port"]
    found: Object = {"port": number, "protocol": port.get("protocol", "TCP")}
    if port.get("name"):
        found["name"] = port["name"]
    return found


def _named_port(name: str, pods: Sequence[Object]) -> int | None:
    for pod in pods:
        for container in pod["spec"].get("containers") or ():
            for port in container.get("ports") or ():
                if port.get("name") == name:
                    return int(port["containerPort"])
    return None


def _ready(pod: Object, service: Object) -> bool:
    if service["spec"].get("publishNotReadyAddresses"):
        return True
    conditions = pod["status"].get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _selected(service: Object, labels: dict[str, str]) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


async def _publish_own(context: Context) -> None:
    """The API's and DNS's own endpoints: both run at the control plane's address, not in pods."""
    addresses = [node.address for node in context.config.nodes if node.control_plane]
    for key, ports in _OWN_PORTS.items():
        metadata = {"name": key.name, "namespace": key.namespace}
        subset = {"addresses": [{"ip": address} for address in addresses], "ports": ports}
        await ensure(context.client, ENDPOINTS, {"metadata": metadata, "subsets": [subset]})
        labels = {SERVICE_NAME: key.name}
        endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in addresses]
        own = {
            "metadata": {**metadata, "labels": labels},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports,
        }
        await ensure(context.client, ENDPOINT_SLICES, own)
