"""Hands an HTTP request on to another server and its answer back, as it comes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from lab.apiserver.upstreams import unavailable

_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding")
)
_ENDS_HERE = frozenset(("host", "authorization", "content-length", "accept-encoding"))
_FORGEABLE = ("impersonate-", "x-remote-")
_CHUNK = 65536


def passed_on(request: web.Request, extra: Mapping[str, str | list[str]]) -> CIMultiDict[str]:
    """The headers for the other server: the client's without what ends here, and ``extra``."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers.items():
        lower = name.lower()
        if lower not in _HOP_BY_HOP | _ENDS_HERE and not lower.startswith(_FORGEABLE):
            headers.add(name, value)
    for name, values in extra.items():
        for value in [values] if isinstance(values, str) else values:
            headers.add(name, value)
    return headers


class Forwarder:
    """Forwards requests that stay HTTP."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def forward(
        self, request: web.Request, url: str, context: ssl.SSLContext, extra: Mapping[str, str | list[str]]
    ) -> web.StreamResponse:
        """Send the request to ``url`` and stream the answer back; ``ApiError`` 503 if nobody answers there."""
        body = await request.read()
        headers = passed_on(request, extra)
        try:
            answer = await self._session.request(
                request.method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                ssl=context,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise unavailable(f"error trying to reach service: {error}") from error
        async with answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(_CHUNK):
                await response.write(chunk)
            await response.write_eof()
            return response
