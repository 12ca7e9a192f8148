"""One API server process, and one set of controllers and nodes, for each test file of this room."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from lab.client import Client
from tests.kubevirt.agent import Agent
from tests.kubevirt.cluster import LIMIT, Nodes, controllers, make_namespace, start_api

Scenario = Callable[[Client, Nodes], Awaitable[None]]
Run = Callable[[Scenario], None]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State directory of a running API server."""
    directory = tmp_path_factory.mktemp("lab")
    process = start_api(directory)
    yield directory
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def run(state: Path) -> Iterator[Run]:
    """Plays a scenario in a cluster with controllers and nodes at work."""
    loop = asyncio.new_event_loop()
    ready: list[tuple[Client, Nodes]] = []
    started, ended = threading.Event(), asyncio.Event()
    problems: list[BaseException] = []

    async def cluster() -> None:
        async with controllers(state) as context:
            agent = Agent(context.client, state / "pki")
            nodes = Nodes(context.client)
            await make_namespace(context.client)
            await nodes.start(await agent.start())
            ready.append((context.client, nodes))
            started.set()
            await ended.wait()
            await nodes.stop()
            await agent.stop()

    def work() -> None:
        try:
            loop.run_until_complete(cluster())
        except BaseException as error:
            problems.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(LIMIT)
    if problems:
        raise problems[0]
    client, nodes = ready[0]

    def play(scenario: Scenario) -> None:
        async def limited() -> None:
            async with asyncio.timeout(3 * LIMIT):
                await scenario(client, nodes)

        asyncio.run_coroutine_threadsafe(limited(), loop).result()

    yield play
    loop.call_soon_threadsafe(ended.set)
    thread.join(30)
    loop.close()
