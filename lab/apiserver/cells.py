"""Table cells that no path can give: the named formatters of ``data/columns.yaml``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from lab.apiserver.errors import Object

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 365 * 86_400


def compact(value: Any) -> str:
    """A list or object in one line."""
    return orjson.dumps(value).decode()


def duration(seconds: float) -> str:
    """Seconds in kubectl's short form."""
    total = int(seconds)
    if total < 0:
        return "0s" if total > -2 else "<invalid>"
    if total < 2 * MINUTE:
        return f"{total}s"
    if total < 10 * MINUTE:
        return _two(total, MINUTE, "m", 1, "s")
    if total < 3 * HOUR:
        return f"{total // MINUTE}m"
    if total < 8 * HOUR:
        return _two(total, HOUR, "h", MINUTE, "m")
    if total < 2 * DAY:
        return f"{total // HOUR}h"
    if total < 8 * DAY:
        return _two(total, DAY, "d", HOUR, "h")
    if total < 2 * YEAR:
        return f"{total // DAY}d"
    return _two(total, YEAR, "y", DAY, "d")


def _two(total: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    rest = total % large // small
    return f"{total // large}{large_unit}" + (f"{rest}{small_unit}" if rest else "")


def _statuses(pod: Object) -> list[Object]:
    return pod.get("status", {}).get("containerStatuses") or []


def pod_ready(pod: Object) -> str:
    """``1/2``: ready containers of all."""
    ready = sum(bool(status.get("ready")) for status in _statuses(pod))
    return f"{ready}/{len(pod.get('spec', {}).get('containers') or [])}"


def pod_status(pod: Object) -> str:
    """Phase, or the reason that says more."""
    status = pod.get("status", {})
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for container in _statuses(pod):
        state = container.get("state") or {}
        for name in ("waiting", "terminated"):
            if reason := (state.get(name) or {}).get("reason"):
                return str(reason)
    return str(status.get("reason") or status.get("phase") or "Unknown")


def pod_restarts(pod: Object) -> str:
    """Restarts of all containers."""
    return str(sum(int(status.get("restartCount", 0)) for status in _statuses(pod)))


def node_status(node: Object) -> str:
    """Ready or NotReady, and whether it takes pods."""
    conditions = node.get("status", {}).get("conditions") or []
    ready = next((c.get("status") for c in conditions if c.get("type") == "Ready"), None)
    word = "Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"
    return word + (",SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else "")


def node_roles(node: Object) -> str:
    """Roles from labels."""
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or "<none>"


def node_address(kind: str) -> Callable[[Object], str]:
    """The node's address of one kind."""

    def cell(node: Object) -> str:
        addresses = node.get("status", {}).get("addresses") or []
        return next((str(a["address"]) for a in addresses if a.get("type") == kind), "<none>")

    return cell


def service_ports(service: Object) -> str:
    """``80:30080/TCP``."""
    ports = service.get("spec", {}).get("ports") or []
    texts = []
    for port in ports:
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or "<none>"


def service_external(service: Object) -> str:
    """External addresses."""
    spec = service.get("spec", {})
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    found = [entry.get("ip") or entry.get("hostname", "") for entry in ingress] + list(spec.get("externalIPs") or [])
    if not found and spec.get("type") == "LoadBalancer":
        return "<pending>"
    return spec.get("externalName") or ",".join(found) or "<none>"


def labels_text(labels: Object | None) -> str:
    """``a=b,c=d``."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def endpoint_addresses(endpoints: Object) -> str:
    """``10.0.0.1:80,10.0.0.2:80 + 3 more...``."""
    found = []
    for subset in endpoints.get("subsets") or []:
        for address in subset.get("addresses") or []:
            found += [f"{address['ip']}:{port['port']}" for port in subset.get("ports") or []]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return ",".join(found[:3]) + more or "<none>"


def slice_ports(endpoint_slice: Object) -> str:
    """Ports of an EndpointSlice."""
    return ",".join(str(port.get("port", "*")) for port in endpoint_slice.get("ports") or []) or "<unset>"


def slice_endpoints(endpoint_slice: Object) -> str:
    """Addresses of an EndpointSlice."""
    found = [a for endpoint in endpoint_slice.get("endpoints") or [] for a in endpoint.get("addresses") or []]
    return ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "") or "<unset>"


def event_object(event: Object) -> str:
    """``pod/name``."""
    involved = event.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def event_last_seen(event: Object) -> str:
    """Age of the event's last occurrence."""
    from lab.apiserver.tables import age

    return age(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp"))


def api_service_target(api_service: Object) -> str:
    """The Service behind an APIService, or Local."""
    service = api_service.get("spec", {}).get("service")
    return f"{service['namespace']}/{service['name']}" if service else "Local"


def api_service_available(api_service: Object) -> str:
    """``True`` or ``False (Reason)``."""
    conditions = api_service.get("status", {}).get("conditions") or []
    found: Object = next((c for c in conditions if c.get("type") == "Available"), {})
    status = str(found.get("status", "Unknown"))
    return status if status == "True" or not found.get("reason") else f"{status} ({found['reason']})"


def replicas_ready(obj: Object) -> str:
    """``1/2``."""
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj.get('spec', {}).get('replicas', 1)}"


FORMATTERS: dict[str, Callable[[Object], Any]] = {
    "pod-ready": pod_ready,
    "pod-status": pod_status,
    "pod-restarts": pod_restarts,
    "node-status": node_status,
    "node-roles": node_roles,
    "node-internal-ip": node_address("InternalIP"),
    "node-external-ip": node_address("ExternalIP"),
    "service-ports": service_ports,
    "service-external": service_external,
    "service-selector": lambda obj: labels_text(obj.get("spec", {}).get("selector")),
    "pod-selector": lambda obj: labels_text((obj.get("spec", {}).get("podSelector") or {}).get("matchLabels")),
    "endpoint-addresses": endpoint_addresses,
    "slice-ports": slice_ports,
    "slice-endpoints": slice_endpoints,
    "event-object": event_object,
    "event-last-seen": event_last_seen,
    "event-source": lambda obj: (obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "",
    "api-service-target": api_service_target,
    "api-service-available": api_service_available,
    "replicas-ready": replicas_ready,
}
