"""Makes virt-api known to the API server: Service, Endpoints, APIService and webhook configurations.

In a KubeVirt installation virt-operator does this.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from lab import documents
from lab.client import Client
from lab.controllers.manifests import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, ensure
from lab.resources import API_SERVICES, ENDPOINTS, SERVICES

Object = dict[str, Any]

_OBJECTS = Path(__file__).with_name("registration.yaml")
_RESOURCES = {
    resource.kind: resource for resource in (SERVICES, ENDPOINTS, API_SERVICES, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS)
}


async def register(client: Client, port: int, authority: bytes) -> None:
    """Register the server that listens on this port of the loopback address; ``authority`` (PEM) signed its pair."""
    bundle = base64.b64encode(authority).decode()
    for obj in documents.read_all(_OBJECTS.read_text()):
        await ensure(client, _RESOURCES[obj["kind"]], _filled(obj, port, bundle))


def _filled(obj: Object, port: int, bundle: str) -> Object:
    if obj["kind"] == ENDPOINTS.kind:
        obj["subsets"][0]["ports"][0]["port"] = port
    elif obj["kind"] == API_SERVICES.kind:
        obj["spec"]["caBundle"] = bundle
    for webhook in obj.get("webhooks") or ():
        webhook["clientConfig"]["caBundle"] = bundle
    return obj
