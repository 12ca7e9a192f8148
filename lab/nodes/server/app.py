"""The node's HTTPS server: the kubelet's paths and the virt-handler's, for the lab's own components alone."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from aiohttp import web

from lab.nodes.pods import PodKeeper
from lab.nodes.server.commands import Commands
from lab.nodes.server.forwarding import Forwarding
from lab.nodes.server.output import Output

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TRUSTED_GROUP = "system:masters"
_POD = "/{namespace}/{pod}"
_LOG = logging.getLogger(__name__)


class NodeServer:
    """One node's server, on a free port of 127.0.0.1."""

    def __init__(self, state: Path, keeper: PodKeeper, more: Iterable[web.AbstractRouteDef] = ()) -> None:
        commands = Commands(keeper)
        app = web.Application(middlewares=[_trusted_only])
        app.add_routes(
            [
                web.get("/healthz", _healthz),
                web.get("/containerLogs" + _POD + "/{container}", Output(keeper).logs),
                web.get("/exec" + _POD + "/{container}", commands.exec),
                web.get("/attach" + _POD + "/{container}", commands.attach),
                web.get("/portForward" + _POD, Forwarding(keeper).forward),
                *more,
            ]
        )
        # A handler ends with its client: a log that is followed may have nothing to say for hours.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        self._tls = _tls(state / "pki")

    async def start(self) -> int:
        """Listen; gives the port."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening and end what is open."""
        await self._runner.cleanup()


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "kubelet.crt", pki / "kubelet.key")
    context.load_verify_locations(pki / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@web.middleware
async def _trusted_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    # The handshake has proved a certificate of the lab's CA; users have such certificates, too.
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport is not None else None
    groups = {
        value for part in (certificate or {}).get("subject", ()) for key, value in part if key == "organizationName"
    }
    if TRUSTED_GROUP not in groups:
        raise web.HTTPForbidden(text=f"a client certificate of group {TRUSTED_GROUP} is needed")
    return await handler(request)


async def _healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok")
