"""A bad day of an API server, on demand: slow answers, refusals that pass, lost answers, watches that break off.

Only the lab's users feel it, not its own components: what is tried is whether a client waits, resumes and asks again.
"""

from __future__ import annotations

import asyncio
import random

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from lab.apiserver.authentication import certificate_user
from lab.apiserver.errors import ApiError
from lab.apiserver.resource_requests import respond

_OWN = frozenset({"system:lab:controllers", "system:lab:nodes", "kube-apiserver-kubelet-client"})
_STALL = 2.0  # seconds
_WATCH_LASTS = (0.5, 8.0)  # seconds
# Of a hundred requests: so many meet each of these.
_REFUSED, _TOO_MANY, _STALLED, _LOST = 3, 3, 2, 2
_BROKEN_WATCHES = 50


def latency(seconds: float) -> Middleware:
    """Every answer to the lab's users comes so much later."""

    @web.middleware
    async def later(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_own(request):
            await asyncio.sleep(seconds)
        return await handler(request)

    return later


def chaos(seed: int) -> Middleware:
    """One request in ten of the lab's users meets some trouble, and half of the watches break off."""
    dice = random.Random(seed)

    @web.middleware
    async def troubled(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _is_own(request) or request.path in ("/readyz", "/healthz", "/livez"):
            return await handler(request)
        if request.query.get("watch", "").lower() in ("1", "true"):
            return await _watch(request, handler, dice)
        return await _call(request, handler, dice.randrange(100))

    return troubled


async def _call(request: web.Request, handler: Handler, fate: int) -> web.StreamResponse:
    if fate < _REFUSED:
        return _status(ApiError(500, "Internal error occurred: the lab's chaos", "InternalError"))
    if fate < _REFUSED + _TOO_MANY:
        busy = ApiError(429, "Too many requests, please try again later.", "TooManyRequests")
        answer = _status(busy)
        answer.headers["Retry-After"] = "1"
        return answer
    if fate < _REFUSED + _TOO_MANY + _STALLED:
        await asyncio.sleep(_STALL)
        return await handler(request)
    if fate < _REFUSED + _TOO_MANY + _STALLED + _LOST and "Upgrade" not in request.headers:
        # What was asked is done; the answer is lost.
        answer_lost = await handler(request)
        _cut(request)
        return answer_lost
    return await handler(request)


async def _watch(request: web.Request, handler: Handler, dice: random.Random) -> web.StreamResponse:
    if dice.randrange(100) >= _BROKEN_WATCHES:
        return await handler(request)
    end = asyncio.get_running_loop().call_later(dice.uniform(*_WATCH_LASTS), _cut, request)
    try:
        return await handler(request)
    finally:
        end.cancel()


def _status(error: ApiError) -> web.Response:
    return respond(error.status(), error.code)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _is_own(request: web.Request) -> bool:
    user = certificate_user(request.transport.get_extra_info("peercert") if request.transport else None)
    return user is not None and user.name in _OWN
