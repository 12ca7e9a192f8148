"""A small API server, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.kube.api import Api
from conformance.timeouts import Timeouts
from tests.kube.small_api import SmallApi


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmallApi]:
    """A server of this test's own."""
    server = SmallApi(tmp_path)
    yield server
    server.close()


@pytest.fixture
def api(server: SmallApi) -> Api:
    """A client that has been answered once."""
    limits = {"event": 0.5, "object-gone": 5, "pod-running": 10, "pod-scheduled": 0.5, "api-retry": 5}
    api = Api.connect(server.kubeconfig, timeouts=Timeouts.load(overrides=limits))
    api.raw("/version")
    return api
