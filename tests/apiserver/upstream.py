"""Small HTTPS servers that the API server calls: webhooks, an aggregated server, a node."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Upstream:
    """One server in a thread of its own, with the lab's serving certificate."""

    def __init__(self, pki: Path, pair: str, authority: str, handler: Handler) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pki / f"{pair}.crt", pki / f"{pair}.key")
        self._context.load_verify_locations(pki / f"{authority}.crt")
        self._context.verify_mode = ssl.CERT_OPTIONAL
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port: int = self._run(self._start())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> int:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handler)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        return int(self._runner.addresses[0][1])

    def stop(self) -> None:
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def caller(request: web.Request) -> str:
    """The common name of the client certificate that was shown."""
    certificate = request.get_extra_info("peercert") or {}
    names = [value for group in certificate.get("subject", ()) for key, value in group if key == "commonName"]
    return names[0] if names else ""
