"""``/containerLogs``: what a container has written, and what it goes on to write."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiohttp import web

from lab.nodes.logs import Selection, previous, rendered
from lab.nodes.pods import PodKeeper
from lab.nodes.server.lookup import find_runner, flag


class Output:
    """The handler."""

    def __init__(self, keeper: PodKeeper) -> None:
        self._keeper = keeper

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """Query: ``follow tailLines timestamps previous sinceSeconds sinceTime limitBytes``, as of ``kubectl logs``."""
        worker, runner = find_runner(self._keeper, request)
        selection = _selection(request)
        home, name = worker.home, request.match_info["container"]
        path = home.log_path(name) if home else None
        if flag(request, "previous"):
            if path is None or not previous(path).exists():
                pod = request.match_info["pod"]
                raise web.HTTPBadRequest(text=f'previous terminated container "{name}" in pod "{pod}" not found')
            path = previous(path)
        elif path is None or (not path.exists() and not runner.state.running):
            waiting = (runner.state.waiting or ("ContainerCreating", ""))[0]
            pod = request.match_info["pod"]
            raise web.HTTPBadRequest(text=f'container "{name}" in pod "{pod}" is waiting to start: {waiting}')
        if runner.container is None or flag(request, "previous"):
            body = rendered(path, selection) if path.exists() else b""
            return web.Response(body=body, content_type="text/plain")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        with suppress(ConnectionError):
            async for chunk in runner.container.log.read(selection):
                await response.write(chunk)
            await response.write_eof()
        return response


def _selection(request: web.Request) -> Selection:
    query = request.query
    try:
        since = None
        if "sinceTime" in query:
            since = datetime.fromisoformat(query["sinceTime"].replace("Z", "+00:00")).astimezone(UTC)
        elif "sinceSeconds" in query:
            since = datetime.now(UTC) - timedelta(seconds=int(query["sinceSeconds"]))
        return Selection(
            follow=flag(request, "follow"),
            tail_lines=int(query["tailLines"]) if "tailLines" in query else None,
            timestamps=flag(request, "timestamps"),
            since=since,
            limit_bytes=int(query["limitBytes"]) if "limitBytes" in query else None,
        )
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"bad query: {error}") from error
