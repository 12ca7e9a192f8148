"""Who sends a request: by client certificate or by bearer token, or somebody the sender may impersonate."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from lab.apiserver.authorization import Authorization
from lab.apiserver.calls import User
from lab.apiserver.errors import ApiError
from lab.apiserver.paths import Target
from lab.apiserver.tokens import AUTHENTICATED, Tokens


def certificate_user(certificate: dict[str, Any] | None) -> User | None:
    """The user of a verified client certificate (CN and O), or None without one."""
    if not certificate:
        return None
    pairs = [pair for names in certificate.get("subject", ()) for pair in names]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = [value for key, value in pairs if key == "organizationName"]
    return User(name, (*groups, AUTHENTICATED)) if name else None


class Authentication:
    """Client certificates that the lab's authority signed, and tokens of service accounts."""

    def __init__(self, tokens: Tokens, authorization: Authorization) -> None:
        self._tokens = tokens
        self._authorization = authorization

    def identify(self, request: web.Request) -> User:
        """The sender; ``ApiError`` 401 if nothing vouches for one, 403 if it may not be whom it says."""
        transport = request.transport
        user = certificate_user(transport.get_extra_info("peercert") if transport else None)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and user is None:
            user = self._tokens.user(token.strip())
        if user is None:
            raise ApiError(401, "Unauthorized")
        return self._impersonated(request, user)

    def _impersonated(self, request: web.Request, user: User) -> User:
        name = request.headers.get("Impersonate-User")
        if not name:
            return user
        groups = request.headers.getall("Impersonate-Group", [])
        for resource, value in (("users", name), *(("groups", group) for group in groups)):
            self._authorization.check(user, Target(request.path, "impersonate", plural=resource, name=value))
        if name.startswith("system:serviceaccount:") and not groups:
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{name.split(':')[2]}"]
        return User(name, (*dict.fromkeys([*groups, AUTHENTICATED]),))
