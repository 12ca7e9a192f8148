"""Subresources of pods that their node answers: log, exec, attach, portforward.

A node's HTTPS endpoint stands in its annotation ``lab.udn/kubelet-endpoint``; paths are those of the kubelet.
"""

from __future__ import annotations

import ssl
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import web

from lab.apiserver.calls import Call
from lab.apiserver.errors import Object, bad_request
from lab.apiserver.pki import Pki
from lab.apiserver.proxy.forwarding import Forwarder
from lab.apiserver.proxy.portforward import PortForward, is_port_forward
from lab.apiserver.proxy.tunnel import is_upgrade, tunnel
from lab.apiserver.reading import Reader
from lab.apiserver.server import Handler
from lab.apiserver.store import Store
from lab.apiserver.upstreams import Address, authority_context, unavailable

ENDPOINT = "lab.udn/kubelet-endpoint"


class Kubelets:
    """Hands requests about a pod's inside on to its node."""

    def __init__(self, store: Store, reader: Reader, pki: Pki, forwarder: Forwarder, port_forward: PortForward) -> None:
        self._store = store
        self._reader = reader
        self._pki = pki
        self._forwarder = forwarder
        self._port_forward = port_forward

    def handlers(self) -> dict[str, Handler]:
        """By resource and subresource."""
        return {
            "pods/log": self._log,
            "pods/exec": self._exec,
            "pods/attach": self._attach,
            "pods/portforward": self._forward_ports,
        }

    async def _log(self, request: web.Request, call: Call) -> web.StreamResponse:
        pod = self._reader.get(call)
        container = _container(pod, call.query.get("container", ""))
        query = urlencode([(key, value) for key, value in request.query.items() if key != "container"])
        path = f"{_pod_path('containerLogs', call)}/{quote(container)}" + (f"?{query}" if query else "")
        return await self._forwarder.forward(request, f"https://{self._address(pod)}{path}", self._tls(), {})

    async def _exec(self, request: web.Request, call: Call) -> web.StreamResponse:
        if not request.query.getall("command", []):
            raise bad_request("you must specify at least one command for the container")
        return await self._stream(request, call, "exec")

    async def _attach(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._stream(request, call, "attach")

    async def _stream(self, request: web.Request, call: Call, verb: str) -> web.StreamResponse:
        pod = self._reader.get(call)
        container = _container(pod, call.query.get("container", ""))
        if not is_upgrade(request):
            raise bad_request("Upgrade request required")
        query = urlencode([(key, value) for key, value in request.query.items() if key != "container"])
        path = f"{_pod_path(verb, call)}/{quote(container)}?{query}"
        return await tunnel(request, self._address(pod), path, self._tls(), {})

    async def _forward_ports(self, request: web.Request, call: Call) -> web.StreamResponse:
        pod = self._reader.get(call)
        address = self._address(pod)
        if not is_upgrade(request):
            raise bad_request("Upgrade request required")
        path = _pod_path("portForward", call)
        if is_port_forward(request):
            return await self._port_forward.serve(request, f"https://{address}{path}", self._tls())
        query = request.rel_url.raw_query_string
        return await tunnel(request, address, f"{path}?{query}", self._tls(), {})

    def _address(self, pod: Object) -> Address:
        name = (pod.get("spec") or {}).get("nodeName")
        if not name:
            raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
        node = self._store.get("nodes", "", name)
        endpoint = ((node or {}).get("metadata", {}).get("annotations") or {}).get(ENDPOINT)
        if not endpoint:
            raise unavailable(f'node "{name}" has no annotation {ENDPOINT}: its agent does not run')
        parts = urlsplit(endpoint)
        return Address(parts.hostname or "", parts.port or 443)

    def _tls(self) -> ssl.SSLContext:
        return authority_context(self._pki.path("ca.crt"), self._pki.path("kubelet-client.crt"))


def _pod_path(verb: str, call: Call) -> str:
    return f"/{verb}/{quote(call.namespace)}/{quote(call.target.name)}"


def _container(pod: Object, wanted: str) -> str:
    """The container that is meant; ``ApiError`` 400 if that is not clear."""
    name, spec = pod["metadata"]["name"], pod.get("spec") or {}
    names = [container["name"] for container in spec.get("containers") or []]
    others = [c["name"] for field in ("initContainers", "ephemeralContainers") for c in spec.get(field) or []]
    if wanted:
        if wanted not in (*names, *others):
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(names) != 1:
        listed = " ".join(names)
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
    return str(names[0])
