"""The way to virt-handler: calls and streams to the agent of the node that holds a VMI."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import aiohttp

from lab.client import Client, NotFound
from lab.controllers.kubevirt import phases
from lab.controllers.kubevirt.virtapi.answers import bad_request, internal
from lab.resources import NODES

Object = dict[str, Any]

ENDPOINT_ANNOTATION = "lab.udn/kubelet-endpoint"
CONSOLE_PROTOCOL = "plain.kubevirt.io"
_REQUEST_SECONDS = 10.0


class VirtHandlers:
    """The nodes' virt-handlers, reached over HTTPS as ``kubelet-client``."""

    def __init__(self, client: Client, pki: Path) -> None:
        self._client = client
        self._pki = pki
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End every connection."""
        if self._session is not None:
            await self._session.close()

    async def put(self, vmi: Object, action: str, body: bytes = b"") -> None:
        """Have the VMI's node do an action; ``Refusal`` 500 when it does not."""
        url = await self._url(vmi, action)
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        async with self._open().put(url, data=body, timeout=timeout) as response:
            if response.status >= 300:
                raise internal(f"unexpected return code {response.status} ({response.reason}) from virt-handler")

    async def get(self, vmi: Object, what: str) -> Object:
        """What the VMI's node knows of the guest; ``Refusal`` 500 when it does not tell."""
        url = await self._url(vmi, what)
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        async with self._open().get(url, timeout=timeout) as response:
            if response.status >= 300:
                raise internal(f"unexpected return code {response.status} ({response.reason}) from virt-handler")
            answer: Object = await response.json()
            return answer

    async def stream(self, vmi: Object, what: str) -> aiohttp.ClientWebSocketResponse:
        """An open websocket to the VMI's node; ``Refusal`` 500 when it cannot be had."""
        url = await self._url(vmi, what)
        try:
            return await self._open().ws_connect(url, protocols=(CONSOLE_PROTOCOL,), max_msg_size=0, compress=0)
        except aiohttp.WSServerHandshakeError as error:
            raise internal(f"virt-handler refused the stream: {error.status} {error.message}") from error

    async def _url(self, vmi: Object, what: str) -> str:
        phase = phases.phase(vmi)
        if phase not in ("Running", "Scheduled"):
            raise bad_request(
                f"Unable to connect to VirtualMachineInstance because phase is {phase} instead of Running or Scheduled"
            )
        name = vmi["status"]["nodeName"]
        try:
            node = await self._client.get(NODES, name)
        except NotFound as error:
            raise internal(f"node {name} of the VMI is gone") from error
        endpoint = (node["metadata"].get("annotations") or {}).get(ENDPOINT_ANNOTATION)
        if endpoint is None:
            raise internal(f"node {name} has no virt-handler: it lacks the annotation {ENDPOINT_ANNOTATION}")
        base = endpoint if "://" in endpoint else f"https://{endpoint}"
        metadata = vmi["metadata"]
        inside = f"namespaces/{metadata['namespace']}/virtualmachineinstances/{metadata['name']}"
        return f"{base.rstrip('/')}/v1/{inside}/{what}"

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
            context.load_cert_chain(self._pki / "kubelet-client.crt", self._pki / "kubelet-client.key")
            connector = aiohttp.TCPConnector(limit=0, ssl=context)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session
