"""One function a feature: what a cluster has, and what shows it.

A detector answers ``(present, evidence)``; ``present`` is None where the API cannot tell. Each is registered under
a name of ``vocabulary.yaml``.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from typing import Any

from conformance.features.sight import Sight, node_addresses
from conformance.features.virtctl import virtctl_version
from conformance.kube.errors import NotFound
from conformance.kube.resources import CUDNS, IPAM_CLAIMS, MULTI_NETWORK_POLICIES, NADS, UDNS, Resource
from conformance.upgrade.baseline import BadBaseline
from conformance.upgrade.store import NoBaseline, Store

Answer = tuple[bool | None, str]
Detector = Callable[[Sight], Answer]
DETECTORS: dict[str, Detector] = {}
KUBELET = 10250
NODE_SECONDS = 3.0


def detects(name: str) -> Callable[[Detector], Detector]:
    """Register the detector of one feature."""

    def register(function: Detector) -> Detector:
        DETECTORS[name] = function
        return function

    return register


def _serves(resource: Resource) -> Detector:
    def detect(sight: Sight) -> Answer:
        there = sight.served(resource)
        where = f"{resource.plural}.{resource.group}/{resource.version}"
        return there, f"the API serves {where}" if there else f"the API does not serve {where}"

    return detect


DETECTORS["udn"] = _serves(UDNS)
DETECTORS["cudn"] = _serves(CUDNS)
DETECTORS["nad"] = _serves(NADS)
DETECTORS["ipam-claims"] = _serves(IPAM_CLAIMS)
DETECTORS["multi-network-policy"] = _serves(MULTI_NETWORK_POLICIES)


@detects("kubevirt")
def kubevirt(sight: Sight) -> Answer:
    """Installed, and Available by its own word."""
    if sight.kubevirt is None:
        return False, "there is no KubeVirt object in the cluster"
    status = sight.kubevirt.get("status") or {}
    version = status.get("observedKubeVirtVersion") or "of unknown version"
    available: dict[str, Any] = next((c for c in status.get("conditions") or [] if c.get("type") == "Available"), {})
    if available.get("status") == "True":
        return True, f"KubeVirt {version} is Available"
    why = available.get("message") or f"phase {status.get('phase', 'unknown')}"
    return False, f"KubeVirt {version} is not Available: {' '.join(str(why).split())}"


@detects("virtctl")
def virtctl(sight: Sight) -> Answer:
    """Found, runs, and is new enough."""
    if sight.virtctl is None:
        asked = sight.given.virtctl or "virtctl on PATH"
        return False, f"{asked} is not there or not executable; install virtctl or name it with --virtctl"
    return virtctl_version(sight.virtctl, sight.api)


@detects("two-schedulable-nodes")
def two_schedulable_nodes(sight: Sight) -> Answer:
    """Ready, not cordoned, not tainted, and fit for VMs."""
    fit: list[str] = []
    unfit: list[str] = []
    for node in sight.nodes:
        problem = _unfit(node)
        (unfit if problem else fit).append(node["metadata"]["name"] + (f" ({problem})" if problem else ""))
    seen = f"can run VMs: {', '.join(sorted(fit)) or 'none'}"
    return len(fit) >= 2, seen + (f"; cannot: {', '.join(sorted(unfit))}" if unfit else "")


def _unfit(node: dict[str, Any]) -> str | None:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    ready: dict[str, Any] = next((c for c in status.get("conditions") or [] if c.get("type") == "Ready"), {})
    if ready.get("status") != "True":
        return "not ready"
    if spec.get("unschedulable"):
        return "cordoned"
    taint: dict[str, Any] | None = next(
        (t for t in spec.get("taints") or [] if t.get("effect") in ("NoSchedule", "NoExecute")), None
    )
    if taint:
        return f"tainted {taint.get('key')}"
    if ((node["metadata"].get("labels")) or {}).get("kubevirt.io/schedulable") != "true":
        return "not labelled kubevirt.io/schedulable=true"
    return None


@detects("live-migration")
def live_migration(sight: Sight) -> Answer:
    """Two nodes to move between, and a KubeVirt that moves."""
    nodes, evidence = two_schedulable_nodes(sight)
    if not nodes:
        return False, f"needs two nodes that can run VMs; {evidence}"
    available, told = kubevirt(sight)
    return available, f"{sum(_unfit(node) is None for node in sight.nodes)} nodes can run VMs, and {told}"


def _plugins(sight: Sight) -> dict[str, Any]:
    plugins: dict[str, Any] = (sight.kubevirt_configuration.get("network") or {}).get("binding") or {}
    return plugins


@detects("l2bridge")
def l2bridge(sight: Sight) -> Answer:
    """Registered as a network binding plugin."""
    return _registered(sight, "l2bridge")


@detects("passt")
def passt(sight: Sight) -> Answer:
    """Registered as a plugin, or KubeVirt's own passt binding with its feature gate."""
    present, evidence = _registered(sight, "passt")
    gates = (sight.kubevirt_configuration.get("developerConfiguration") or {}).get("featureGates") or []
    if present:
        return True, evidence
    if "PasstBinding" in gates:
        return True, "KubeVirt's feature gate PasstBinding is on"
    return False, f"KubeVirt's feature gate PasstBinding is off, and {evidence}"


@detects("interface-binding")
def interface_binding(sight: Sight) -> Answer:
    """Whatever binding the user chose for the VMs."""
    name = sight.given.interface_binding
    if name in ("bridge", "masquerade"):
        return True, f"{name} is part of KubeVirt"
    return passt(sight) if name == "passt" else _registered(sight, name)


def _registered(sight: Sight, name: str) -> Answer:
    plugins = _plugins(sight)
    if name in plugins:
        return True, f"network binding plugin {name} is registered with KubeVirt"
    return False, f"no network binding plugin {name} is registered; there are: {', '.join(sorted(plugins)) or 'none'}"


@detects("ipv6")
def ipv6(sight: Sight) -> Answer:
    """Pod ranges of both families on the nodes."""
    ranges = sorted({cidr for node in sight.nodes for cidr in (node.get("spec") or {}).get("podCIDRs") or []})
    addresses = sorted(
        {
            entry["address"]
            for node in sight.nodes
            for entry in (node.get("status") or {}).get("addresses") or []
            if entry.get("type") == "InternalIP"
        }
    )
    seen = ranges or addresses
    present = any(":" in each for each in seen) and any("." in each for each in seen)
    return present, f"{'pod ranges' if ranges else 'addresses'} of the nodes: {', '.join(seen) or 'none'}"


@detects("outside")
def outside(sight: Sight) -> Answer:
    """The user's word: what lies beyond a cluster cannot be found from its API."""
    given = sight.given.outside
    return (True, f"--outside {given}") if given else (False, "no --outside address is given")


@detects("outside-name")
def outside_name(sight: Sight) -> Answer:
    """The user's word, as for the address."""
    given = sight.given.outside_name
    return (True, f"--outside-name {given}") if given else (False, "no --outside-name is given")


@detects("outside-client")
def outside_client(sight: Sight) -> Answer:
    """The user's word; without one, whether a node's kubelet answers this machine."""
    given = sight.given.outside_shell
    if given:
        return True, f"--outside-shell {given}"
    address = next(iter(node_addresses(sight.nodes).values()), None)
    why = "the nodes tell no addresses" if address is None else _unreached(address)
    if why is None:
        return True, f"this machine reaches node address {address}"
    return False, f"no --outside-shell is given, and {why}"


def _unreached(address: str) -> str | None:
    """Why a kubelet cannot be spoken with; None if it can."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    link = http.client.HTTPSConnection(address, KUBELET, timeout=NODE_SECONDS, context=context)
    try:
        # A kubelet knows nobody without credentials: there are proxies that take every connection, TLS included.
        link.request("GET", "/pods")
        answer = link.getresponse()
        known = answer.status == 401 or (answer.status == 403 and b"system:anonymous" in answer.read())
    except (OSError, http.client.HTTPException) as error:
        return f"this machine does not reach node address {address}: {getattr(error, 'strerror', None) or error!r}"
    finally:
        link.close()
    return None if known else f"what answers at node address {address} is no kubelet (status {answer.status})"


@detects("kubemacpool")
def kubemacpool(sight: Sight) -> Answer:
    """Its webhook on VMs is registered."""
    name = "kubemacpool-mutator"
    try:
        sight.api.raw(f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}")
    except NotFound:
        return False, f"there is no MutatingWebhookConfiguration {name}"
    return True, f"MutatingWebhookConfiguration {name} is there"


@detects("migration-network")
def migration_network(sight: Sight) -> Answer:
    """A network for live migration is configured."""
    network = (sight.kubevirt_configuration.get("migrations") or {}).get("network")
    return bool(network), f"KubeVirt's migrations.network is {network or 'not set'}"


@detects("service-mesh")
def service_mesh(sight: Sight) -> Answer:
    """Istio's API is served."""
    there = "networking.istio.io" in sight.groups
    return there, f"the API {'serves' if there else 'does not serve'} networking.istio.io"


@detects("console")
def console(sight: Sight) -> Answer:
    """The web console's API is served."""
    there = "console.openshift.io" in sight.groups
    return there, f"the API {'serves' if there else 'does not serve'} console.openshift.io"


@detects("load-balancer")
def load_balancer(sight: Sight) -> Answer:
    """MetalLB shows in the API; a cloud's load balancer does not."""
    if "metallb.io" in sight.groups:
        return True, "the API serves metallb.io"
    return None, "the API does not tell; say --feature load-balancer=yes or no"


@detects("guest-agent")
def guest_agent(sight: Sight) -> Answer:
    """Known only of images that publish it."""
    return None, "the API does not tell what an image holds; say --feature guest-agent=yes or no"


@detects("upgrade-baseline")
def upgrade_baseline(sight: Sight) -> Answer:
    """Left in the cluster by ``upgrade prepare``."""
    try:
        return True, str(Store(sight.api).only(sight.given.baseline))
    except (NoBaseline, BadBaseline) as error:
        return False, str(error)
