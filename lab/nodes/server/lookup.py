"""Finds what a request is about; answers 404 or 400 in the kubelet's words if it is not there."""

from __future__ import annotations

from aiohttp import web

from lab.nodes.containers import Container
from lab.nodes.pods import PodKeeper
from lab.nodes.runner import ContainerRunner
from lab.nodes.worker import PodWorker


def find_pod(keeper: PodKeeper, request: web.Request) -> PodWorker:
    """The pod that the path names."""
    namespace, pod = request.match_info["namespace"], request.match_info["pod"]
    worker = keeper.find(namespace, pod)
    if worker is None:
        raise web.HTTPNotFound(text=f'pod "{pod}" is not on this node (namespace "{namespace}")')
    return worker


def find_runner(keeper: PodKeeper, request: web.Request) -> tuple[PodWorker, ContainerRunner]:
    """The pod and the container that the path names."""
    worker = find_pod(keeper, request)
    name = request.match_info["container"]
    runner = worker.runner(name)
    if runner is None:
        pod = request.match_info["pod"]
        raise web.HTTPNotFound(text=f'container "{name}" not found in pod "{pod}"')
    return worker, runner


def find_container(keeper: PodKeeper, request: web.Request) -> tuple[PodWorker, ContainerRunner, Container]:
    """The same, and its process; 400 if it has none now."""
    worker, runner = find_runner(keeper, request)
    if runner.container is None:
        name = request.match_info["container"]
        raise web.HTTPBadRequest(text=f'container "{name}" has no process to reach: {_why(runner)}')
    return worker, runner, runner.container


def flag(request: web.Request, *names: str) -> bool:
    """Whether any of these query parameters says yes."""
    return any(request.query.get(name, "").lower() in ("1", "true") for name in names)


def _why(runner: ContainerRunner) -> str:
    if runner.state.running:
        return "the virt-handler runs what is in it"
    if runner.state.ending:
        return "it has ended"
    return (runner.state.waiting or ("ContainerCreating", ""))[0]
