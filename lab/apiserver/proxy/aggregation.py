"""Aggregated servers: APIServices whose group and version a Service answers for."""

from __future__ import annotations

import ssl

import aiohttp
import orjson
from aiohttp import web

from lab.apiserver.behaviours import API_SERVICES
from lab.apiserver.calls import User
from lab.apiserver.errors import ApiError, Object
from lab.apiserver.identity import now
from lab.apiserver.pki import Pki
from lab.apiserver.proxy.forwarding import Forwarder
from lab.apiserver.proxy.tunnel import is_upgrade, tunnel
from lab.apiserver.store import Store
from lab.apiserver.upstreams import Address, Services, bundle_context

DISCOVERY_SECONDS = 5.0


def identity_headers(user: User) -> dict[str, str | list[str]]:
    """By which an aggregated server learns who asks (it trusts the front proxy's certificate)."""
    headers: dict[str, str | list[str]] = {"X-Remote-User": user.name, "X-Remote-Group": list(user.groups)}
    if user.uid:
        headers["X-Remote-Uid"] = user.uid
    for name, values in user.extra.items():
        headers[f"X-Remote-Extra-{name}"] = list(values)
    return headers


class Aggregation:
    """Finds the server for a group and version, and hands requests on to it."""

    def __init__(self, store: Store, services: Services, pki: Pki, session: aiohttp.ClientSession) -> None:
        self._store = store
        self._services = services
        self._certificate = pki.path("front-proxy-client.crt")
        self._session = session
        self._forwarder = Forwarder(session)

    def find(self, group: str, version: str) -> Object | None:
        """The APIService that has this group and version answered elsewhere, or None."""
        found = self._store.get(API_SERVICES, "", f"{version}.{group}")
        return found if found is not None and found["spec"].get("service") else None

    def groups(self) -> dict[str, list[str]]:
        """Groups that are answered elsewhere, with their versions."""
        found: dict[str, list[tuple[int, str]]] = {}
        for api_service in self._store.list(API_SERVICES):
            spec = api_service["spec"]
            if spec.get("service"):
                found.setdefault(spec["group"], []).append((-int(spec.get("versionPriority", 0)), spec["version"]))
        return {group: [version for _, version in sorted(versions)] for group, versions in found.items()}

    async def handle(self, request: web.Request, user: User, api_service: Object) -> web.StreamResponse:
        """Hand a request on; ``ApiError`` 503 if the other server is not there."""
        address, context = self._target(api_service)
        path = request.rel_url.raw_path_qs
        if is_upgrade(request):
            return await tunnel(request, address, path, context, identity_headers(user))
        return await self._forwarder.forward(request, f"https://{address}{path}", context, identity_headers(user))

    async def resources(self, user: User, group: str, version: str) -> Object | None:
        """What an aggregated server serves under a group and version (an APIResourceList); None if it does not say."""
        api_service = self.find(group, version)
        if api_service is None:
            return None
        headers = [
            (name, value)
            for name, values in identity_headers(user).items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        try:
            address, context = self._target(api_service)
            async with self._session.get(
                f"https://{address}/apis/{group}/{version}",
                ssl=context,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=DISCOVERY_SECONDS),
            ) as answer:
                found = orjson.loads(await answer.read())
                return found if answer.status == 200 and isinstance(found.get("resources"), list) else None
        except (TimeoutError, ApiError, aiohttp.ClientError, OSError, orjson.JSONDecodeError):
            return None

    def availability(self, api_service: Object) -> Object:
        """The condition Available, by whether the Service has an endpoint."""
        condition = {"type": "Available", "lastTransitionTime": now()}
        if not api_service["spec"].get("service"):
            return {
                **condition,
                "status": "True",
                "reason": "Local",
                "message": "Local APIServices are always available",
            }
        try:
            self._address(api_service)
        except ApiError as error:
            return {**condition, "status": "False", "reason": "MissingEndpoints", "message": error.message}
        return {**condition, "status": "True", "reason": "Passed", "message": "all checks passed"}

    def _address(self, api_service: Object) -> Address:
        service = api_service["spec"]["service"]
        return self._services.address(service["namespace"], service["name"], int(service.get("port") or 443))

    def _target(self, api_service: Object) -> tuple[Address, ssl.SSLContext]:
        return self._address(api_service), bundle_context(api_service["spec"], self._certificate)
