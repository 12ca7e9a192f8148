"""Services: cluster addresses, one a family, and node ports from 30000-32767, given out by what is stored.

Source: Kubernetes' document "IPv4/IPv6 dual-stack", on Services.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from lab.apiserver.behaviours.base import Behaviour
from lab.apiserver.behaviours.defaults import fill
from lab.apiserver.errors import Cause, Object, invalid_value, required
from lab.apiserver.store import Store

NODE_PORTS = range(30000, 32768)
_SINGLE, _PREFER, _REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
_DUAL = (_PREFER, _REQUIRE)
_RESERVED = 256  # addresses at the start of a network that are only given to those who ask for them by name
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


class ServiceBehaviour(Behaviour):
    """Gives every Service that wants them addresses of its own.

    ``subnets``: what the cluster is configured for, one a family, the default family's first.
    """

    def __init__(self, subnets: Sequence[str]) -> None:
        self._networks = {family_of(subnet): ip_network(subnet) for subnet in subnets}

    def prepare_create(self, store: Store, obj: Object) -> None:
        fill("services", obj)
        obj["status"] = {"loadBalancer": {}}
        self._complete(store, obj, {})

    def prepare_update(self, store: Store, subresource: str, new: Object, old: Object) -> None:
        fill("services", new)
        spec, before = new["spec"], old.get("spec") or {}
        if spec.get("ipFamilyPolicy") == _SINGLE and before.get("ipFamilyPolicy") in _DUAL:
            _drop_second(spec, before)
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(field) and before.get(field) and spec["type"] != "ExternalName":
                spec[field] = before[field]
        if spec.get("clusterIPs") and spec.get("clusterIP") not in (None, spec["clusterIPs"][0]):
            spec["clusterIPs"] = [spec["clusterIP"], *spec["clusterIPs"][1:]]
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
        return [*causes, *_family_causes(spec, list(self._networks))]

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
        self._give_families(spec)
        self._give_addresses(spec, others)
        if spec["type"] in _WITH_NODE_PORTS:
            spec.setdefault("externalTrafficPolicy", "Cluster")
            self._give_node_ports(spec, others, before)

    def _give_families(self, spec: Object) -> None:
        known = list(self._networks)
        asked = list(spec.get("ipFamilies") or map(family_of, _addresses(spec)))
        spec.setdefault("ipFamilyPolicy", _REQUIRE if len(asked) > 1 else _SINGLE)
        asked = asked or known[:1]
        if spec["ipFamilyPolicy"] in _DUAL and len(known) > 1:
            asked += [family for family in known if family not in asked]
        if spec["ipFamilyPolicy"] == _PREFER and len(asked) > 1:
            asked = [family for family in asked if family in known]
        spec["ipFamilies"] = asked

    def _give_addresses(self, spec: Object, others: list[Object]) -> None:
        if spec.get("clusterIP") == "None":
            spec["clusterIPs"] = ["None"]
            return
        taken = {address for other in others for address in _addresses(other)}
        addresses = _addresses(spec)
        for family in spec["ipFamilies"][len(addresses) :]:
            if family in self._networks:  # else the service is refused
                addresses.append(_free_address(self._networks[family], taken))
        if addresses:
            spec["clusterIP"], spec["clusterIPs"] = addresses[0], addresses

    @staticmethod
    def _give_node_ports(spec: Object, others: list[Object], before: Object) -> None:
        taken = {port.get("nodePort") for other in others for port in other.get("ports") or []}
        known = {port.get("port"): port.get("nodePort") for port in before.get("ports") or []}
        for port in spec.get("ports") or []:
            if not port.get("nodePort"):
                free = [number for number in NODE_PORTS if number not in taken]
                port["nodePort"] = known.get(port.get("port")) or secrets.choice(free)
            taken.add(port["nodePort"])


def family_of(address: str) -> str:
    """``IPv4`` or ``IPv6``, of an address or a subnet."""
    return "IPv6" if ":" in address else "IPv4"


def _addresses(spec: Object) -> list[str]:
    """The cluster addresses that a service has or asks for."""
    found = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return [str(address) for address in found if address and address != "None"]


def _drop_second(spec: Object, before: Object) -> None:
    """Who asks for one family alone, and leaves the rest as it was, wants the first."""
    for field in ("clusterIPs", "ipFamilies"):
        if spec.get(field) == before.get(field):
            spec[field] = (before.get(field) or [])[:1]


def _family_causes(spec: Object, known: Sequence[str]) -> list[Cause]:
    """What is wrong with the families that a service asks for, on a cluster that has the ``known`` ones."""
    if spec.get("type") == "ExternalName":
        return []
    causes = []
    families, policy = spec.get("ipFamilies") or [], spec.get("ipFamilyPolicy")
    if policy == _REQUIRE and len(known) < 2:
        reason = "this cluster is not configured for dual-stack services"
        causes.append(invalid_value("spec.ipFamilyPolicy", policy, reason))
    if len(families) > 1 and policy not in _DUAL:
        reason = "must be RequireDualStack or PreferDualStack when multiple 'ipFamilies' are specified"
        causes.append(invalid_value("spec.ipFamilyPolicy", policy, reason))
    for index, family in enumerate(families):
        if family not in known and (index == 0 or policy not in _DUAL):
            causes.append(invalid_value(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    for index, address in enumerate(_addresses(spec)):
        if index < len(families) and family_of(address) != families[index]:
            reason = f"expected an {families[index]} value as indicated by `ipFamilies[{index}]`"
            causes.append(invalid_value(f"spec.clusterIPs[{index}]", address, reason))
    return causes


def _free_address(network: IPv4Network | IPv6Network, taken: Iterable[str]) -> str:
    held = {ip_address(address) for address in taken}
    for number in range(_RESERVED, network.num_addresses - 1):
        if network[number] not in held:
            return str(network[number])
    raise ValueError(f"no address is left in {network}")
