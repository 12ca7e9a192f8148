"""One cluster without nodes for the tests of this room."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.client import Client
from lab.config import LabConfig
from tests.controllers.cluster import Cluster, Processes

Run = Callable[[Callable[[Cluster], Coroutine[Any, Any, None]]], None]


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """API server, controllers and databases."""
    # Not pytest's own folder: a unix socket's path has 107 characters at most.
    state = Path(tempfile.mkdtemp(prefix="ctl-"))
    made = Processes(state)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def run(processes: Processes) -> Run:
    """Runs a coroutine function on the cluster."""

    async def connected(story: Callable[[Cluster], Coroutine[Any, Any, None]]) -> None:
        config = LabConfig.load(processes.state)
        async with Client.from_kubeconfig(config.kubeconfig, "tests") as client:
            cluster = Cluster(client, config)
            try:
                await cluster.add_nodes()
                await story(cluster)
            except BaseException as error:
                error.add_note(processes.logs())
                raise
            finally:
                await cluster.northbound.close()

    return lambda story: asyncio.run(connected(story))
