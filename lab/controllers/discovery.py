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
    """A kind, in its group's preferred version, and what can be done with its objects."""

    resource: Resource
    verbs: frozenset[str]


async def discover(client: Client) -> list[Discovered]:
    """Every kind that the server serves. A group that does not answer is left out; the next call may find it."""
    core, groups = await asyncio.gather(client.request("GET", "/api/v1"), client.request("GET", "/apis"))
    versions = [group["preferredVersion"]["groupVersion"] for group in groups.get("groups") or ()]
    lists = await asyncio.gather(*(_of_group(client, version) for version in versions))
    found = _parse("v1", core)
    for version, answer in zip(versions, lists, strict=True):
        found.extend(_parse(version, answer))
    return found


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
