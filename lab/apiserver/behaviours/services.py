"""Services: cluster addresses from 10.96.0.0/16 and node ports from 30000-32767, given out by what is stored."""

from __future__ import annotations

import ipaddress
import secrets

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.behaviours.defaults import fill
from lab.apiserver.errors import Cause, Object, invalid_value, required
from lab.apiserver.store import Store
from lab.config import SERVICE_SUBNET

NETWORK = ipaddress.IPv4Network(SERVICE_SUBNET)
NODE_PORTS = range(30000, 32768)
FAMILIES = ("IPv4",)
"""What the cluster is configured for."""
_DUAL = ("PreferDualStack", "RequireDualStack")
_RESERVED = 256  # addresses at the start of the network that are only given to those who ask for them by name
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


class ServiceBehaviour(Behaviour):
    """Gives every Service that wants one an address of its own."""

    def prepare_create(self, store: Store, obj: Object) -> None:
        fill("services", obj)
        obj["status"] = {"loadBalancer": {}}
        self._complete(store, obj, {})

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        fill("services", new)
        spec, before = new["spec"], old.get("spec") or {}
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(field) and before.get(field) and spec["type"] != "ExternalName":
                spec[field] = before[field]
        self._complete(store, new, before)

    def faults(self, obj: Object, old: Object | None) -> list[Cause]:
        spec = obj.get("spec") or {}
        causes = []
        if not spec.get("ports") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
            causes.append(required("spec.ports"))
        for index, port in enumerate(spec.get("ports") or []):
            if not 1 <= int(port.get("port", 0)) <= 65535:
                causes.append(
                    invalid_value(
                        f"spec.ports[{index}].port", port.get("port", 0), "must be between 1 and 65535, inclusive"
                    )
                )
        before = ((old or {}).get("spec") or {}).get("clusterIP")
        if before and before != "None" and spec.get("type") != "ExternalName" and spec.get("clusterIP") != before:
            causes.append(invalid_value("spec.clusterIPs[0]", [spec.get("clusterIP")], "may not change once set"))
        return [*causes, *_family_causes(spec)]

    def _complete(self, store: Store, obj: Object, before: Object) -> None:
        spec = obj["spec"]
        for port in spec.get("ports") or []:
            port.setdefault("targetPort", port.get("port"))
        if spec["type"] == "ExternalName":
            return
        others = [
            service["spec"]
            for service in store.list("services")
            if service["metadata"].get("uid") != obj["metadata"].get("uid")
        ]
        if not spec.get("clusterIP"):
            taken = {other.get("clusterIP") for other in others}
            spec["clusterIP"] = _free_address(taken)
        spec["clusterIPs"] = [spec["clusterIP"]]
        if len(spec.get("ipFamilies") or ()) > 1 and spec.get("ipFamilyPolicy") == "PreferDualStack":
            spec["ipFamilies"] = [family for family in spec["ipFamilies"] if family in FAMILIES]
        spec.setdefault("ipFamilies", list(FAMILIES))
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if spec["type"] in _WITH_NODE_PORTS:
            spec.setdefault("externalTrafficPolicy", "Cluster")
            self._give_node_ports(spec, others, before)

    @staticmethod
    def _give_node_ports(spec: Object, others: list[Object], before: Object) -> None:
        taken = {port.get("nodePort") for other in others for port in other.get("ports") or []}
        known = {port.get("port"): port.get("nodePort") for port in before.get("ports") or []}
        for port in spec.get("ports") or []:
            if not port.get("nodePort"):
                free = [number for number in NODE_PORTS if number not in taken]
                port["nodePort"] = known.get(port.get("port")) or secrets.choice(free)
            taken.add(port["nodePort"])


def _family_causes(spec: Object) -> list[Cause]:
    """What is wrong with the families that a service asks for, on a cluster of one."""
    if spec.get("type") == "ExternalName":
        return []
    causes = []
    families, policy = spec.get("ipFamilies") or [], spec.get("ipFamilyPolicy")
    if policy == "RequireDualStack":
        reason = "this cluster is not configured for dual-stack services"
        causes.append(invalid_value("spec.ipFamilyPolicy", policy, reason))
    if len(families) > 1 and policy not in _DUAL:
        reason = "must be RequireDualStack or PreferDualStack when multiple 'ipFamilies' are specified"
        causes.append(invalid_value("spec.ipFamilyPolicy", policy, reason))
    for index, family in enumerate(families):
        if family not in FAMILIES and (index == 0 or policy not in _DUAL):
            causes.append(invalid_value(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    return causes


def _free_address(taken: set[str | None]) -> str:
    for number in range(_RESERVED, NETWORK.num_addresses - 1):
        address = str(NETWORK[number])
        if address not in taken:
            return address
    raise ValueError(f"no address is left in {NETWORK}")
