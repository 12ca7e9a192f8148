"""The stage on which machines are tried, and the one event loop that owns them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from tests.machines_lab import stage

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs coroutines, one after the other, on a loop with the stage's namespaces."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with asyncio.Runner() as runner:
        runner.run(stage.build())
        try:
            yield runner.run
        finally:
            runner.run(stage.tear_down())
