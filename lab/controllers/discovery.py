"""What kinds of object an API server holds, asked of the server itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp

from lab.client import Client, Refused
from lab.resources import Resource

Object = dict[str, Any]


@dataclass(frozen=True)
class Discovered:
    """A kind, in the first of its group's versions that serves it, and what can be done with its objects."""

    resource: Resource
    verbs: frozenset[str]


async def discover(client: Client) -> list[Discovered]:
    """Every kind that the server serves. A group that does not answer is left out; the next call may find it."""
    core, groups = await asyncio.gather(client.request("GET", "/api/v1"), client.request("GET", "/apis"))
    versions = [version for group in groups.get("groups") or () for version in _versions(group)]
    lists = await asyncio.gather(*(_of_group(client, version) for version in versions))
    found: dict[tuple[str, str], Discovered] = {}
    for version, answer in [("v1", core), *zip(versions, lists, strict=True)]:
        for kind in _parse(version, answer):
            found.setdefault((kind.resource.group, kind.resource.kind), kind)
    return list(found.values())


def _versions(group: Object) -> list[str]:
    """A group's versions, the preferred one first."""
    preferred = group["preferredVersion"]["groupVersion"]
    return list(dict.fromkeys([preferred, *(version["groupVersion"] for version in group.get("versions") or ())]))


async def _of_group(client: Client, group_version: str) -> Object:
    try:
        return await client.request("GET", f"/apis/{group_version}")
    except (Refused, aiohttp.ClientError):
        return {}


def _parse(group_version: str, answer: Object) -> list[Discovered]:
    group, _, version = group_version.rpartition("/")
    return [
        Discovered(
            Resource(group, version, entry["name"], entry["kind"], namespaced=bool(entry["namespaced"])),
            frozenset(entry.get("verbs") or ()),
        )
        for entry in answer.get("resources") or ()
        if "/" not in entry["name"]
    ]
