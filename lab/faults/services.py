"""Faults of services and of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lab.faults.frames import Wire, frames
from lab.faults.isolation import join_one_way, join_routers
from lab.faults.registry import fault

if TYPE_CHECKING:
    from lab.fabric.rows import Rows

Object = dict[str, Any]

SOON = ("--timeout", "reach=8")
OWN = "udn-"  # what the namespaces of a run begin with: services of the cluster itself go on working
NOT_REACHED = r"{} \S+ .*-> service \S+ .*: not reached"


def _ours(service: str) -> bool:
    return service.startswith(OWN)


NO_BACKEND = fault(
    "service-without-backends",
    "load balancers know no backends",
    "services/cluster-ip",
    message=NOT_REACHED.format("(tcp|udp)"),
    run_options=SOON,
)


@NO_BACKEND.at("services.backends")
def _none(backends: tuple[str, ...], service: str, **_: object) -> tuple[str, ...]:
    return () if _ours(service) else backends


NO_SSH = fault(
    "service-loses-ssh",
    "services lead nowhere at the port of SSH",
    "services/ssh-through-service",
    message=r"ssh the outside host .*-> service \S+ at node \S+ .*: \S+ not reached",
    run_options=SOON,
)


@NO_SSH.at("services.backends")
def _none_for_ssh(backends: tuple[str, ...], service: str, **_: object) -> tuple[str, ...]:
    return tuple(backend for backend in backends if not (_ours(service) and backend.endswith(":22")))


NO_UDP = fault(
    "service-forgets-udp",
    "services are balanced by TCP alone",
    "services/cluster-ip",
    message=NOT_REACHED.format("udp"),
    run_options=SOON,
)


@NO_UDP.at("nb.Load_Balancer")
def _no_udp(columns: Object, balancer: str, **_: object) -> Object:
    emptied = columns.get("protocol") == "udp" and f"Service_{OWN}" in balancer
    return {**columns, "vips": dict.fromkeys(columns["vips"], "")} if emptied else columns


NOT_ON_ONE_NODE = fault(
    "service-dead-on-one-node",
    "what runs on one of the nodes is not answered by services",
    "services/cluster-ip",
    message=NOT_REACHED.format("(tcp|udp)"),
    run_options=SOON,
)


@frames(NOT_ON_ONE_NODE)
def _no_service_there(wire: Wire) -> Iterable[str]:
    if wire.node == "worker-2":
        yield f"ip saddr {wire.address} ip daddr 10.96.0.0/16 ip daddr != 10.96.0.10 drop"


ONE_BACKEND = fault(
    "service-with-one-backend",
    "of all machines behind a service, requests go to one",
    "services/balances",
    message=r"of 20 requests none came to \['\S+'\]",
)


@ONE_BACKEND.at("services.backends")
def _first(backends: tuple[str, ...], service: str, **_: object) -> tuple[str, ...]:
    return backends[:1] if _ours(service) else backends


LEAK = fault(
    "service-leaks",
    "cluster addresses of services are answered on every network",
    "services/cluster-ip-isolated",
    message=r"(tcp|udp) \S+ .*-> service \S+ .*: expected no path, got reply",
    run_options=SOON,
)
LEAK_ONE_WAY = fault(
    "service-leaks-one-way",
    "requests from newer networks come to the machines behind services of older ones, and no answer goes back",
    "services/cluster-ip-isolated",
    message=r"(tcp|udp) \S+ .*-> service \S+ .*: expected no path, but packets arrive",
    run_options=SOON,
)
LEAK.at("fabric.router")(join_routers)
LEAK_ONE_WAY.at("fabric.router")(join_one_way)


@LEAK.at("fabric.balanced-switches")
@LEAK_ONE_WAY.at("fabric.balanced-switches")
def _all(switches: list[Any], rows: Rows, balancer: str, **_: object) -> list[Any]:
    return list(rows.all("Logical_Switch")) if f"Service_{OWN}" in balancer else switches


STALE = fault(
    "service-loses-machine-that-moves",
    "endpoints on the node that a machine moves to are not mirrored",
    "services/survive-migration",
    message=r"(tcp|udp) \S+ .*-> service \S+ .*: not reached|line \d+ is missing|ended by itself|longest silence",
    run_options=SOON,
)


@STALE.at("slices.mirrored")
def _without_targets(_: bool, pod: Object, **__: object) -> bool:
    return "kubevirt.io/migrationJobUID" not in (pod["metadata"].get("labels") or {})


ONE_NODE = fault(
    "node-port-on-one-node",
    "node ports are open on one node alone",
    "services/node-port",
    message=r"(tcp|udp) the outside host .*-> service \S+ at node \S+ .*: not reached",
    run_options=SOON,
)


@ONE_NODE.at("node.service-ports")
def _on_the_first(services: list[Object], node: str, **_: object) -> list[Object]:
    return services if node == "control-plane" else []


NOT_GIVEN = fault(
    "no-external-address",
    "services of type LoadBalancer get no address",
    "services/load-balancer",
    message=r"no address in status.loadBalancer.ingress within",
    run_options=("--timeout", "external-address=6"),
)


@NOT_GIVEN.at("services.external-address")
def _keep(_: bool, **__: object) -> bool:
    return False


NOT_ANNOUNCED = fault(
    "external-address-unanswered",
    "the address of a load balancer is given and leads nowhere",
    "services/load-balancer",
    message=r"(tcp|udp) the outside host .*-> service \S+ from beyond .*: not reached",
    run_options=SOON,
)


@NOT_ANNOUNCED.at("node.service-ports")
def _without_external(services: list[Object], **_: object) -> list[Object]:
    return [{**service, "status": {}} for service in services]


NO_API = fault(
    "api-unreachable-from-networks",
    "the API's address leads nowhere on primary networks",
    "primary-l2/kapi-and-dns-reachable",
    message=r"tcp \S+ .*-> the Kubernetes API \(10\.96\.0\.1:443\): not reached",
    run_options=SOON,
)
WRONG_API = fault(
    "api-answered-by-another",
    "on primary networks another server answers at the API's address",
    "primary-l2/kapi-and-dns-reachable",
    message=r"tcp \S+ .*-> the Kubernetes API .*: not reached .*(somebody else answers|is no TLS server|handshake)",
    run_options=SOON,
)
NO_DNS = fault(
    "dns-unreachable-from-networks",
    "the address of DNS leads nowhere on primary networks",
    "primary-l2/kapi-and-dns-reachable",
    message=r"dns \S+ .*-> 10\.96\.0\.10: kubernetes\.default\S+ is ",
    run_options=SOON,
)


def _on_primaries(columns: Object, network: str, vips: Mapping[str, str]) -> Object:
    changed = {front: vips.get(front, backends) for front, backends in columns["vips"].items()}
    return columns if network == "default" else {**columns, "vips": changed}


@NO_API.at("nb.Load_Balancer")
def _api_gone(columns: Object, network: str, **_: object) -> Object:
    return _on_primaries(columns, network, {"10.96.0.1:443": ""})


@WRONG_API.at("nb.Load_Balancer")
def _api_changed(columns: Object, network: str, **_: object) -> Object:
    return _on_primaries(columns, network, {"10.96.0.1:443": "203.0.113.10:8080"})


@NO_DNS.at("nb.Load_Balancer")
def _dns_gone(columns: Object, network: str, **_: object) -> Object:
    return _on_primaries(columns, network, {"10.96.0.10:53": ""})


SERVICES_UNKNOWN = fault(
    "services-unknown-to-dns",
    "DNS does not know services",
    "primary-l2/dns-services-and-external",
    message=r"dns \S+ .*: \S+\.svc\.cluster\.local is .*, expected \['10\.96\.",
    run_options=SOON,
)


@SERVICES_UNKNOWN.at("dns.service")
def _unknown(_: Object, **__: object) -> Object:
    return {}


EXTERNAL_ELSEWHERE = fault(
    "external-name-leads-elsewhere",
    "DNS gives another address for a name beyond the cluster",
    "primary-l2/dns-services-and-external",
    message=r"dns \S+ .*: outside\.example is \['192\.0\.2\.1'\], expected \['203\.0\.113\.10'\]",
    run_options=SOON,
)


@EXTERNAL_ELSEWHERE.at("dns.service")
def _elsewhere(records: Object, **_: object) -> Object:
    return {**records, "outside.example": ("192.0.2.1",)}


PUBLISHED = fault(
    "headless-service-publishes-primary-addresses",
    "headless services and names of pods give addresses of primary networks",
    "limits/headless-service",
    "limits/pod-dns-is-default-network",
    message=r"service \S+ gives \S+, at which \S+ reaches \S+|dns \S+: \S+ is \S+, the address of \S+ on its primary",
)


@PUBLISHED.at("dns.slices")
def _mirrored(slices: list[Object], mirrored: list[Object], **_: object) -> list[Object]:
    return mirrored or slices
