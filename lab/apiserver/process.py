"""The server as a process: TLS, port, kubeconfigs, readiness, end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Middleware

from lab.apiserver.assembly import Server, assemble
from lab.apiserver.cel_support import programs
from lab.apiserver.journal import Journal
from lab.apiserver.pki import Pki
from lab.apiserver.resource_requests import MAX_BODY
from lab.apiserver.server import Front
from lab.apiserver.store import Store
from lab.apiserver.weather import chaos, latency
from lab.config import CACHE, SERVICE_SUBNETS, Conduct, LabConfig
from lab.faults.seams import Faults

LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 0.3


def tls_context(pki: Pki) -> ssl.SSLContext:
    """Serve as ``apiserver``; a client may show a certificate, which then must be of the lab's authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.path("ca.crt")))
    context.load_cert_chain(pki.path("apiserver.crt"), pki.path("apiserver.key"))
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def listening_socket(port: int) -> socket.socket:
    """A socket on loopback; port 0 lets the system choose. ``OSError`` if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


async def serve(state: Path, journal: bool = True) -> None:
    """Serve the lab of a state directory until SIGTERM or SIGINT.

    Writes the port to ``lab.json``, the kubeconfigs, and ``apiserver/ready`` (which holds the URL) when requests are
    answered; prints one line then. ``FileNotFoundError`` without ``lab.json``, ``OSError`` if the port is taken.
    """
    config = LabConfig.load(state)
    work = state / "apiserver"
    work.mkdir(exist_ok=True)
    ready = work / "ready"
    ready.unlink(missing_ok=True)
    pki = Pki(state)
    listener = listening_socket(config.api_port)
    port = listener.getsockname()[1]
    if port != config.api_port:
        replace(config, api_port=port).save()
    url = f"https://{HOST}:{port}"
    pki.write_kubeconfigs(state, url)
    store = Store()
    records = Journal(work / "journal.jsonl")
    if journal:
        records.restore(store)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)) as session:
        subnets = config.of_its_families(SERVICE_SUBNETS)
        server = assemble(store, pki, session, CACHE, f"{HOST}:{port}", subnets, Faults(state))
        await server.bootstrap()
        runner = _runner(server.front, _weather(config.conduct))
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=tls_context(pki)).start()
        ready.write_text(url + "\n")
        print(f"apiserver ready at {url}", flush=True)
        warming = asyncio.ensure_future(_warm(server))
        await ended.wait()
        ready.unlink(missing_ok=True)
        warming.cancel()
        await runner.cleanup()
    records.close()


def _weather(conduct: Conduct) -> list[Middleware]:
    found = []
    if conduct.pace.api:
        found.append(latency(conduct.pace.api))
    if conduct.chaos is not None:
        found.append(chaos(conduct.chaos))
    return found


def _runner(front: Front, weather: Sequence[Middleware]) -> web.AppRunner:
    application = web.Application(client_max_size=MAX_BODY, middlewares=weather)
    application.router.add_route("*", "/{path:.*}", front.handle)
    # A client that hangs up ends its watch or proxied stream; writes take effect whole or not at all.
    return web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)


async def _warm(server: Server) -> None:
    """Load what is not needed to be ready."""
    try:
        await asyncio.to_thread(programs.load)
        await server.schemas.ready()
    except (RuntimeError, OSError) as error:
        LOG.error("%s; kubectl's validation will fail", error)
