"""Faults of address families: services whose addresses are of the wrong ones."""

from __future__ import annotations

from typing import Any

from lab.faults.registry import fault

Object = dict[str, Any]

FAMILIES_UNCHECKED = fault(
    "service-families-unchecked",
    "the API takes services that ask for families which their policy, or the cluster, does not allow",
    "services/ip-family-policy",
    message=r"the API takes a service with \{'ipFamil",
)


@FAMILIES_UNCHECKED.at("apiserver.causes")
def _overlook(causes: list[Any], kind: str, **_: object) -> list[Any]:
    return [one for one in causes if kind != "Service" or "ipFamil" not in one.field]


FAMILIES_REVERSED = fault(
    "service-families-reversed",
    "services of both families get their addresses in the wrong order",
    "services/ip-family-policy",
    message=r"\['IPv\d', 'IPv\d'\], (asked for|expected) \['IPv",
)


@FAMILIES_REVERSED.at("apiserver.created")
def _reversed(obj: Object, kind: str, **_: object) -> Object:
    spec = obj.get("spec") or {}
    if kind != "Service" or len(spec.get("clusterIPs") or ()) < 2:
        return obj
    addresses = spec["clusterIPs"][::-1]
    turned = {"clusterIP": addresses[0], "clusterIPs": addresses, "ipFamilies": spec["ipFamilies"][::-1]}
    return {**obj, "spec": {**spec, **turned}}


PREFERRED_IGNORED = fault(
    "service-prefers-in-vain",
    "services that prefer both families get one",
    "services/ip-family-policy",
    message=r"PreferDualStack: \['IPv\d'\], expected",
)


@PREFERRED_IGNORED.at("apiserver.created")
def _first_alone(obj: Object, kind: str, **_: object) -> Object:
    spec = obj.get("spec") or {}
    if kind != "Service" or spec.get("ipFamilyPolicy") != "PreferDualStack":
        return obj
    return {**obj, "spec": {**spec, "clusterIPs": spec["clusterIPs"][:1], "ipFamilies": spec["ipFamilies"][:1]}}
