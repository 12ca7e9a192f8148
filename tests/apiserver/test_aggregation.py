"""Aggregated servers: requests, streams and websockets pass through as they are."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.apiserver.conftest import Kubectl, Server
from tests.apiserver.upstream import Upstream, caller

GROUP = "sub.example"
BASE = f"/apis/{GROUP}/v1"
REFUSAL = {
    "kind": "Status",
    "status": "Failure",
    "code": 409,
    "reason": "Conflict",
    "message": "VMI is in failed status",
}


async def aggregated(request: web.Request) -> web.StreamResponse:
    if request.path == BASE:
        entry = {"name": "things", "singularName": "thing", "namespaced": True, "kind": "Thing", "verbs": ["get"]}
        sub = {"name": "things/console", "singularName": "", "namespaced": True, "kind": "Thing", "verbs": ["get"]}
        return web.json_response(
            {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/v1", "resources": [entry, sub]}
        )
    if request.path.endswith("/console"):
        return await console(request)
    seen = {
        "method": request.method,
        "path": request.path_qs,
        "caller": caller(request),
        "user": request.headers.get("X-Remote-User"),
        "groups": request.headers.getall("X-Remote-Group"),
        "authorization": "Authorization" in request.headers,
        "body": await request.text(),
    }
    return web.json_response(seen, status=202, headers={"X-Told": "yes"})


async def console(request: web.Request) -> web.StreamResponse:
    """Echoes; ``bye`` closes with a code of its own, ``cut`` breaks off."""
    if "refused" in request.path:
        return web.json_response(REFUSAL, status=409)
    socket = web.WebSocketResponse(protocols=("plain.kubevirt.io",))
    await socket.prepare(request)
    async for message in socket:
        if message.data == b"bye":
            await socket.close(code=4000, message=b"farewell")
        elif message.data == b"cut":
            assert request.transport is not None
            request.transport.abort()
        else:
            await socket.send_bytes(message.data)
    return socket


@pytest.fixture(scope="module")
def behind(server: Server) -> Iterator[Upstream]:
    upstream = Upstream(server.state / "pki", "service", "front-proxy-ca", aggregated)
    base = "/api/v1/namespaces/default"
    server.post(f"{base}/services", {"metadata": {"name": "sub"}, "spec": {"ports": [{"port": 443}]}})
    subset = {"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": upstream.port}]}
    server.post(f"{base}/endpoints", {"metadata": {"name": "sub"}, "subsets": [subset]})
    bundle = base64.b64encode((server.state / "pki" / "ca.crt").read_bytes()).decode()
    spec = {
        "group": GROUP,
        "version": "v1",
        "service": {"namespace": "default", "name": "sub"},
        "caBundle": bundle,
        "groupPriorityMinimum": 1000,
        "versionPriority": 15,
    }
    body = {"metadata": {"name": f"v1.{GROUP}"}, "spec": spec}
    server.post("/apis/apiregistration.k8s.io/v1/apiservices", body)
    yield upstream
    server.call("DELETE", f"/apis/apiregistration.k8s.io/v1/apiservices/v1.{GROUP}")
    upstream.stop()


def test_requests_are_handed_on_with_who_asks(server: Server, behind: Upstream) -> None:
    answer = server.call("PUT", f"{BASE}/namespaces/x/things/a%20b/start?dry=1", {"a": 1}, X_Remote_User="forged")
    assert answer.status == 202
    assert answer.headers["X-Told"] == "yes"
    assert answer.body == {
        "method": "PUT",
        "path": f"{BASE}/namespaces/x/things/a%20b/start?dry=1",
        "caller": "front-proxy-client",
        "user": "kubernetes-admin",
        "groups": ["system:masters", "system:authenticated"],
        "authorization": False,
        "body": '{"a": 1}',
    }


def test_discovery_includes_what_is_served_elsewhere(server: Server, behind: Upstream, kubectl: Kubectl) -> None:
    assert GROUP in [group["name"] for group in server.get("/apis")["groups"]]
    assert server.get(f"/apis/{GROUP}")["preferredVersion"]["groupVersion"] == f"{GROUP}/v1"
    assert [entry["name"] for entry in server.get(BASE)["resources"]] == ["things", "things/console"]
    assert "things" in kubectl("api-resources", f"--api-group={GROUP}")
    assert "True" in kubectl("get", "apiservice", f"v1.{GROUP}")


def test_rights_are_checked_before_anything_is_handed_on(server: Server, behind: Upstream, namespace: str) -> None:
    server.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "bob"}})
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/bob/token"
    token = server.post(path, {"spec": {}})["status"]["token"]
    refused = server.call("PUT", f"{BASE}/namespaces/x/things/a/start", {}, token=token)
    assert 'cannot update resource "things/start" in API group "sub.example"' in refused.body["message"]


def test_a_server_that_is_not_there_is_unavailable(server: Server, kubectl: Kubectl) -> None:
    spec = {"group": "gone.example", "version": "v1", "service": {"namespace": "default", "name": "gone"}}
    spec |= {"groupPriorityMinimum": 1, "versionPriority": 1, "insecureSkipTLSVerify": True}
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    server.post(path, {"metadata": {"name": "v1.gone.example"}, "spec": spec})
    try:
        assert server.call("GET", "/apis/gone.example/v1/things").status == 503
        assert "False (MissingEndpoints)" in kubectl("get", "apiservice", "v1.gone.example")
        assert "pods" in kubectl.run("api-resources").out
    finally:
        server.call("DELETE", f"{path}/v1.gone.example")


def with_console(server: Server, name: str, talk: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[Any]]) -> Any:
    """Open the console of a thing as administrator and talk."""
    pki = server.state / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    url = f"{server.url}{BASE}/namespaces/x/things/{name}/console"

    async def run() -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, ssl=context, protocols=("plain.kubevirt.io",)) as socket,
        ):
            return await asyncio.wait_for(talk(socket), 30)

    return asyncio.run(run())


def test_websockets_pass_untouched(server: Server, behind: Upstream) -> None:
    large = bytes(range(256)) * 4096

    async def talk(socket: aiohttp.ClientWebSocketResponse) -> None:
        assert socket.protocol == "plain.kubevirt.io"
        await socket.send_bytes(b"hello\x1d\x00")
        assert await socket.receive_bytes() == b"hello\x1d\x00"
        await socket.send_bytes(large)
        assert await socket.receive_bytes() == large
        await socket.send_bytes(b"bye")
        end = await socket.receive()
        assert (end.type, end.data, end.extra) == (aiohttp.WSMsgType.CLOSE, 4000, "farewell")

    with_console(server, "a", talk)


def test_a_cut_arrives_as_a_cut(server: Server, behind: Upstream) -> None:
    async def talk(socket: aiohttp.ClientWebSocketResponse) -> Any:
        await socket.send_bytes(b"cut")
        return await socket.receive()

    end = with_console(server, "a", talk)
    assert end.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


def test_a_refusal_before_the_upgrade_passes_untouched(server: Server, behind: Upstream) -> None:
    answer = server.call(
        "GET",
        f"{BASE}/namespaces/x/things/refused/console",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
    )
    assert answer.status == 409
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.raw) == REFUSAL
