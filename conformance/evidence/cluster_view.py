"""What the API says of a test's namespaces and of the nodes, as texts without secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from conformance.evidence.redaction import REDACTOR
from conformance.kube.api import Api
from conformance.kube.errors import ApiError, NotFound
from conformance.kube.resources import (
    CUDNS,
    ENDPOINT_SLICES,
    EVENTS,
    IPAM_CLAIMS,
    MIGRATIONS,
    NADS,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PODS,
    SERVICES,
    UDNS,
    VMIS,
    VMS,
    Resource,
)

IN_NAMESPACE = (VMS, VMIS, MIGRATIONS, PODS, UDNS, NADS, IPAM_CLAIMS, SERVICES, ENDPOINT_SLICES, NETWORK_POLICIES)
OF_CLUSTER = (NODES, CUDNS)


def objects(api: Api, namespace: str) -> str:
    """The namespace and what is in it, as YAML. Secrets are not asked for."""
    found = [_plain(api.get(NAMESPACES, namespace))]
    for resource in IN_NAMESPACE:
        found += _list(api, resource, namespace)
    return _yaml(found)


def cluster(api: Api) -> str:
    """Nodes and cluster-wide networks, as YAML."""
    return _yaml([each for resource in OF_CLUSTER for each in _list(api, resource, None)])


def events(api: Api, namespace: str) -> str:
    """A namespace's events, one a line, the oldest first."""
    return "\n".join(_event_lines(sorted(api.list(EVENTS, namespace), key=_when))) + "\n"


def _yaml(found: list[dict[str, Any]]) -> str:
    text: str = yaml.safe_dump_all(REDACTOR.object(found), sort_keys=False, allow_unicode=True)
    return text


def _list(api: Api, resource: Resource, namespace: str | None) -> list[dict[str, Any]]:
    try:
        return [_plain(each) for each in api.list(resource, namespace)]
    except NotFound:
        return []
    except ApiError as error:
        return [{"kind": f"{resource.kind}List", "notHad": str(error)}]


def _plain(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "managedFields"}
    return obj | {"metadata": metadata}


def _when(event: dict[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _event_lines(found: Iterable[dict[str, Any]]) -> Iterable[str]:
    for event in found:
        about = event.get("involvedObject") or {}
        said = " ".join(str(event.get("message", "")).split())
        kind = f"{about.get('kind')}/{about.get('name')}"
        yield f"{_when(event)} {event.get('type', '')} {event.get('reason', '')} {kind}: {said}"
