"""A server with troubles: its users meet all of them, and what was asked is done once or not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3

from lab.config import Conduct, LabConfig
from lab.pace import Pace
from tests.apiserver.conftest import Server


def weather_of(tmp_path: Path, conduct: Conduct) -> Server:
    config = LabConfig.new("weather", 1, tmp_path)
    replace(config, conduct=conduct).save()
    return Server(tmp_path)


def test_chaos_meets_users(tmp_path: Path) -> None:
    server = weather_of(tmp_path, Conduct(chaos=3, pace=Pace(api=0.001)))
    seen: Counter[str] = Counter()
    try:
        for _ in range(120):
            try:
                answer = server.pool.request("GET", f"{server.url}/version", retries=False)
            except urllib3.exceptions.HTTPError:
                seen["cut"] += 1
            else:
                seen[str(answer.status)] += 1
                if answer.status == 429:
                    assert answer.headers["Retry-After"] == "1"
    finally:
        server.stop()
    assert {"200", "429", "500", "cut"} <= set(seen), seen
    assert seen["200"] > 90, seen


@pytest.mark.parametrize("path", ["/readyz", "/healthz"])
def test_health_is_told_as_it_is(tmp_path: Path, path: str) -> None:
    server = weather_of(tmp_path, Conduct(chaos=3))
    try:
        assert {server.pool.request("GET", server.url + path).status for _ in range(60)} == {200}
    finally:
        server.stop()
