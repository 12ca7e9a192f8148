"""The virt-api server: HTTPS on the loopback address, for the API server alone."""

from __future__ import annotations

import ssl
from pathlib import Path

from aiohttp import web

from lab.client import Client
from lab.controllers.kubevirt.admission.webhooks import Webhooks
from lab.controllers.kubevirt.virtapi.answers import Handler, Refusal, as_status
from lab.controllers.kubevirt.virtapi.discovery import BASE, Discovery
from lab.controllers.kubevirt.virtapi.handlers import VirtHandlers
from lab.controllers.kubevirt.virtapi.instances import InstanceActions
from lab.controllers.kubevirt.virtapi.lifecycle import Lifecycle
from lab.controllers.kubevirt.virtapi.registration import register
from lab.controllers.kubevirt.virtapi.streams import Streams
from lab.faults.seams import Faults

_VMS = BASE + "/namespaces/{namespace}/virtualmachines/{name}"
_VMIS = BASE + "/namespaces/{namespace}/virtualmachineinstances/{name}"
_FRONT_PROXY = "front-proxy-client"


class VirtApi:
    """The server; ``port`` is known once it was started."""

    def __init__(self, client: Client, pki: Path, faults: Faults, netns: str | None = None) -> None:
        """``pki``: folder of the lab's certificates. ``netns``: where VMs are dialled from (port-forward)."""
        self.port = 0
        self._client = client
        self._pki = pki
        self._handlers = VirtHandlers(client, pki)
        self._webhooks = Webhooks(client, faults)
        self._streams = Streams(client, self._handlers, faults, netns)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, and register with the API server."""
        app = web.Application(middlewares=[as_status, _front_proxy_only])
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls())
        await site.start()
        self.port = self._runner.addresses[0][1]
        await register(self._client, self.port, (self._pki / "ca.crt").read_bytes())

    async def stop(self) -> None:
        """End every connection and listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._handlers.close()

    def _routes(self) -> list[web.RouteDef]:
        lifecycle, streams = Lifecycle(self._client), self._streams
        actions = InstanceActions(self._client, self._handlers)
        of_vm = streams.port_forward(streams.objects.vmi_of_vm)
        of_vmi = streams.port_forward(streams.objects.vmi)
        return [
            *Discovery(self._client).routes(),
            *self._webhooks.routes(),
            web.put(f"{_VMS}/start", lifecycle.start),
            web.put(f"{_VMS}/stop", lifecycle.stop),
            web.put(f"{_VMS}/restart", lifecycle.restart),
            web.put(f"{_VMS}/migrate", lifecycle.migrate),
            web.get(f"{_VMS}/expand-spec", actions.expand),
            web.put(BASE + "/namespaces/{namespace}/expand-vm-spec", actions.expand_given),
            *actions.routes(_VMIS),
            web.get(f"{_VMIS}/console", streams.console),
            web.get(f"{_VMIS}/vnc", streams.no_display),
            *(
                web.get(path + suffix, handler)
                for path, handler in ((_VMS, of_vm), (_VMIS, of_vmi))
                for suffix in ("/portforward/{port}", "/portforward/{port}/{protocol}")
            ),
        ]

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pki / "service.crt", self._pki / "service.key")
        # Webhooks are called without a certificate; whoever shows one must be the front proxy.
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self._pki / "front-proxy-ca.crt")
        return context


@web.middleware
async def _front_proxy_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The aggregated API trusts the user names that it is told: only the API server may tell them."""
    if request.path.startswith(f"{BASE}/namespaces/"):
        certificate = request.get_extra_info("peercert") or {}
        names = [value for group in certificate.get("subject", ()) for key, value in group if key == "commonName"]
        if _FRONT_PROXY not in names:
            raise Refusal(401, "Unauthorized", "Unauthorized: the front proxy's client certificate is required")
    return await handler(request)
