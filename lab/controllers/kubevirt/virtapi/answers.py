"""Answers that refuse: Kubernetes' ``Status``, with the words of KubeVirt's API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from lab.client import Refused

Object = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """A request that is not done: HTTP code, reason and message of the Status."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def response(self) -> web.Response:
        """The answer's body and headers."""
        status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return web.json_response(status, status=self.code)


def not_found(kind: str, name: str) -> Refusal:
    """404 for an object; ``kind`` is ``virtualmachine`` or ``virtualmachineinstance``."""
    return Refusal(404, "NotFound", f'{kind}.kubevirt.io "{name}" not found', _details(kind, name))


def conflict(kind: str, name: str, why: str) -> Refusal:
    """409: the object's state does not allow it."""
    message = f'Operation cannot be fulfilled on {kind}.kubevirt.io "{name}": {why}'
    return Refusal(409, "Conflict", message, _details(kind, name))


def bad_request(message: str) -> Refusal:
    """400."""
    return Refusal(400, "BadRequest", message)


def internal(message: str) -> Refusal:
    """500."""
    details = {"causes": [{"message": message}]}
    return Refusal(500, "InternalError", f"Internal error occurred: {message}", details)


@web.middleware
async def as_status(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal and failure into a Status."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except web.HTTPNotFound:
        return Refusal(404, "NotFound", "the server could not find the requested resource").response()
    except web.HTTPMethodNotAllowed:
        message = "the server does not allow this method on the requested resource"
        return Refusal(405, "MethodNotAllowed", message).response()
    except Refused as refused:
        return internal(refused.message).response()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return internal(str(error) or type(error).__name__).response()


def _details(kind: str, name: str) -> Object:
    return {"name": name, "group": "kubevirt.io", "kind": kind}
