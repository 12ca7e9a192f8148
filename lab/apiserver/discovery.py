"""Discovery: ``/api``, ``/apis`` and what lies under them, plain and aggregated (``apidiscovery.k8s.io/v2``)."""

from __future__ import annotations

from collections.abc import Iterable

from lab.apiserver.errors import Object
from lab.apiserver.kinds import Kind, Registry, data

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_SUBRESOURCE_VERBS = {"status": ["get", "patch", "update"], "scale": ["get", "patch", "update"]}


def wants_aggregated(accept: str) -> bool:
    """Whether a client asks for the aggregated form."""
    return any(
        "as=APIGroupDiscoveryList" in choice and "v=v2" in choice.split(";")
        for choice in accept.replace(" ", "").split(",")
    )


def legacy_versions(address: str) -> Object:
    """``/api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group(name: str, versions: Iterable[str]) -> Object:
    """``/apis/<group>``."""
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": entries, "preferredVersion": entries[0]}


def groups(found: dict[str, list[str]]) -> Object:
    """``/apis``."""
    entries = []
    for name in _in_order(found):
        entry = group(name, found[name])
        entries.append({key: entry[key] for key in ("name", "versions", "preferredVersion")})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": entries}


def _in_order(found: dict[str, list[str]]) -> list[str]:
    return sorted(name for name in found if name)


def resources(registry: Registry, group_name: str, version: str) -> Object:
    """``/apis/<group>/<version>`` or ``/api/v1``."""
    entries: list[Object] = []
    for kind in registry.version_kinds(group_name, version):
        entries.append(_resource(kind))
        entries += [_subresource(kind, name) for name in subresources_of(kind)]
    group_version = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def subresources_of(kind: Kind) -> tuple[str, ...]:
    """Subresources of a kind, scale among them."""
    return (*kind.subresources, "scale") if kind.scale else kind.subresources


def _resource(kind: Kind) -> Object:
    entry: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if "create" in kind.verbs and "get" in kind.verbs:
        entry["storageVersionHash"] = ""
    return entry


def _response(kind: Kind, name: str) -> Object:
    """Group, version and kind of what a subresource takes, and its verbs."""
    special: Object = data("subresources").get(f"{kind.resource}/{name}") or data("subresources").get(name) or {}
    return {
        "group": special.get("group", kind.group),
        "version": special.get("version", kind.version),
        "kind": special.get("kind", kind.kind),
        "verbs": special.get("verbs") or _SUBRESOURCE_VERBS.get(name, ["get"]),
    }


def _subresource(kind: Kind, name: str) -> Object:
    response = _response(kind, name)
    entry: Object = {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": response["kind"],
        "verbs": response["verbs"],
    }
    if (response["group"], response["version"]) != (kind.group, kind.version):
        entry |= {"group": response["group"], "version": response["version"]}
    return entry


def aggregated(registry: Registry, legacy: bool, elsewhere: Iterable[Object] = ()) -> Object:
    """``/api`` or ``/apis`` with everything beneath in one answer; ``elsewhere``: groups of aggregated servers."""
    found = {name: versions for name, versions in registry.groups().items() if (name == "") == legacy}
    items = [_group_item(registry, name, found[name]) for name in sorted(found)]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [*items, *elsewhere],
    }


def _group_item(registry: Registry, name: str, versions: list[str]) -> Object:
    listed = [
        {
            "version": version,
            "resources": [_aggregated_resource(kind) for kind in registry.version_kinds(name, version)],
            "freshness": "Current",
        }
        for version in versions
    ]
    return {"metadata": {"name": name} if name else {}, "versions": listed}


def _aggregated_resource(kind: Kind) -> Object:
    entry: Object = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if subresources := subresources_of(kind):
        entry["subresources"] = [_aggregated_subresource(kind, name) for name in subresources]
    return entry


def _aggregated_subresource(kind: Kind, name: str) -> Object:
    response = _response(kind, name)
    response_kind = {key: response[key] for key in ("group", "version", "kind")}
    return {"subresource": name, "responseKind": response_kind, "verbs": response["verbs"]}


def aggregated_version(group_name: str, version: str, listed: Object | None) -> Object:
    """An aggregated server's APIResourceList in aggregated form; stale if it could not be had."""
    if listed is None:
        return {"version": version, "resources": [], "freshness": "Stale"}
    entries: dict[str, Object] = {}
    for resource in listed["resources"]:
        name, _, subresource = resource["name"].partition("/")
        response_kind = {
            "group": resource.get("group") or group_name,
            "version": resource.get("version") or version,
            "kind": resource.get("kind", ""),
        }
        scope = "Namespaced" if resource.get("namespaced") else "Cluster"
        # An aggregated server may have subresources of resources that it does not serve itself.
        entry = entries.setdefault(name, {"resource": name, "scope": scope, "singularResource": "", "verbs": []})
        if subresource:
            entry.setdefault("subresources", []).append(
                {"subresource": subresource, "responseKind": response_kind, "verbs": resource.get("verbs") or []}
            )
        else:
            entry |= {
                "responseKind": response_kind,
                "singularResource": resource.get("singularName", ""),
                "verbs": resource.get("verbs") or [],
            }
    return {"version": version, "resources": list(entries.values()), "freshness": "Current"}
