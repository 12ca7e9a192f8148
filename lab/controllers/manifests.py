"""Installs what the lab's cluster is made of: the objects of ``lab/manifests``.

Namespaces and custom resources come first, because the others need them. An object that is there already is brought
to what its manifest says by a merge, so that a restart of the controllers takes nothing away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab import documents
from lab.client import AlreadyExists, Client, NotFound
from lab.resources import API_SERVICES, CRDS, DAEMON_SETS, ENDPOINTS, KUBEVIRTS, NAMESPACES, SERVICES, Resource

Object = dict[str, Any]

MANIFESTS = Path(__file__).parents[1] / "manifests"
POLICIES = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
POLICY_BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)
MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
VALIDATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
_ORDER = (
    NAMESPACES,
    CRDS,
    POLICIES,
    POLICY_BINDINGS,
    API_SERVICES,
    MUTATING_WEBHOOKS,
    VALIDATING_WEBHOOKS,
    SERVICES,
    ENDPOINTS,
    DAEMON_SETS,
    KUBEVIRTS,
)
_BY_KIND = {resource.kind: resource for resource in _ORDER}


def load(folder: Path = MANIFESTS) -> list[Object]:
    """Every object of every ``*.yaml`` in a folder, in the order in which they are to be made.

    ``ValueError`` for a kind that has no place in that order.
    """
    objects = [obj for path in sorted(folder.glob("*.yaml")) for obj in _objects(path)]
    return sorted(objects, key=lambda obj: _ORDER.index(_BY_KIND[obj["kind"]]))


async def install(client: Client, folder: Path = MANIFESTS) -> None:
    """Make every object of a folder, and wait until the kinds among them are served."""
    objects = load(folder)
    for resource in _ORDER:
        wave = [obj for obj in objects if obj["kind"] == resource.kind]
        await asyncio.gather(*(ensure(client, resource, obj) for obj in wave))
        if resource is CRDS:
            await asyncio.gather(*(_served(client, obj) for obj in wave))


async def ensure(client: Client, resource: Resource, obj: Object) -> None:
    """Create an object, or merge it into the one that is there; its status goes through the status subresource."""
    metadata = obj["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")
    body = {field: value for field, value in obj.items() if field != "status"}
    try:
        await client.create(resource, body)
    except AlreadyExists:
        await client.patch(resource, name, namespace, body)
    if "status" in obj:
        await client.patch(resource, name, namespace, {"status": obj["status"]}, subresource="status")


async def _served(client: Client, crd: Object) -> None:
    spec = crd["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        resource = Resource(spec["group"], version["name"], names["plural"], names["kind"])
        for _ in range(100):
            try:
                await client.list(resource)
                break
            except NotFound:
                await asyncio.sleep(0.05)


def _objects(path: Path) -> Iterator[Object]:
    for document in documents.read_all(path.read_text()):
        items = document["items"] if document["kind"] == "List" else [document]
        for obj in items:
            if obj["kind"] not in _BY_KIND:
                raise ValueError(f"{path}: no place is known for kind {obj['kind']}: add it to {__name__}")
            yield obj
