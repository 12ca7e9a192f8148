"""Who sends a request: by client certificate or by bearer token."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from lab.apiserver.calls import User
from lab.apiserver.errors import ApiError

AUTHENTICATED = "system:authenticated"


def certificate_user(certificate: dict[str, Any] | None) -> User | None:
    """The user of a verified client certificate (CN and O), or None without one."""
    if not certificate:
        return None
    pairs = [pair for names in certificate.get("subject", ()) for pair in names]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = [value for key, value in pairs if key == "organizationName"]
    return User(name, (*groups, AUTHENTICATED)) if name else None


class Authentication:
    """Client certificates that the lab's authority signed."""

    def identify(self, request: web.Request) -> User:
        """The sender; ``ApiError`` 401 if nothing vouches for one."""
        transport = request.transport
        user = certificate_user(transport.get_extra_info("peercert") if transport else None)
        if user is None:
            raise ApiError(401, "Unauthorized")
        return user
