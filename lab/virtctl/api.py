"""Calls to the API of a cluster: JSON in, JSON out, and what it refuses as an error with its own words."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from lab.virtctl.access import Access

SUBRESOURCES = "/apis/subresources.kubevirt.io/v1"
_SECONDS = 30.0


class Refused(Exception):
    """The API did not do what it was asked; the message is its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Api:
    """One connection to a cluster; use it as ``async with``."""

    def __init__(self, access: Access) -> None:
        self.access = access
        headers = {"User-Agent": "lab-virtctl", "Accept": "application/json"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        connector = aiohttp.TCPConnector(ssl=access.tls or True)
        self.session = aiohttp.ClientSession(connector=connector, headers=headers)

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request; ``Refused`` for an answer that is no success."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with self.session.request(method, self.access.server + path, json=body, timeout=timeout) as response:
            text = await response.text()
            if response.status >= 400:
                raise Refused(response.status, message_of(text) or f"HTTP {response.status} from {path}")
            return dict(json.loads(text)) if text.strip() else {}

    def of_vm(self, name: str, action: str) -> str:
        """The path of a VM's subresource."""
        return f"{SUBRESOURCES}/namespaces/{self.access.namespace}/virtualmachines/{name}/{action}"

    def of_vmi(self, name: str, action: str) -> str:
        """The path of a VMI's subresource."""
        return f"{SUBRESOURCES}/namespaces/{self.access.namespace}/virtualmachineinstances/{name}/{action}"


def message_of(text: str) -> str:
    """The message of a Status, or the text itself when it is none."""
    try:
        status = json.loads(text)
    except ValueError:
        return text.strip()
    return str(status.get("message", "")) if isinstance(status, dict) else ""
