"""The API client: retries, refusals, and informers that survive the end of a watch."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from lab.client import Conflict, Expired, Informer, NotFound, Refused
from lab.refusals import AlreadyExists, refusal
from lab.resources import PODS
from tests.nodes.small_api import PATH, pod, small_api


def run(work: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(limited())


def test_a_busy_server_is_asked_again() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            api.failures = [503, 429]
            await client.list(PODS, "ns", labels="a=b")
            assert api.asked == [f"GET {PATH}?labelSelector=a%3Db"] * 3

    run(work())


@pytest.mark.parametrize(("code", "error"), [(404, NotFound), (409, Conflict), (410, Expired), (422, Refused)])
def test_a_refusal_is_raised_at_once(code: int, error: type[Refused]) -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            api.failures = [code]
            with pytest.raises(error) as caught:
                await client.create(PODS, {"metadata": {"name": "a", "namespace": "ns"}})
            assert (caught.value.code, caught.value.reason) == (code, "Busy")
            assert len(api.asked) == 1

    run(work())


def test_a_name_that_is_taken_has_an_error_of_its_own() -> None:
    assert isinstance(refusal(409, {"reason": "AlreadyExists"}), AlreadyExists)


def test_creation_names_the_kind() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            await client.create(PODS, {"metadata": {"name": "a", "namespace": "ns"}})
            assert (api.bodies[0]["apiVersion"], api.bodies[0]["kind"]) == ("v1", "Pod")

    run(work())


def test_a_repeated_event_is_counted() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            for _ in range(2):
                await client.event(pod("a", 1), type="Warning", reason="Failed", message="no")
            assert [call.split()[0] for call in api.asked] == ["POST", "PATCH"]
            assert api.bodies[0]["involvedObject"]["uid"] == "uid-a"
            assert api.bodies[1]["count"] == 2

    run(work())


def test_an_event_that_is_refused_does_no_harm() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            api.failures = [403]
            await client.event(pod("a", 1), type="Normal", reason="Started", message="yes")

    run(work())


def test_an_informer_resumes_where_the_watch_ended() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            informer = Informer(client, PODS)
            await informer.start()
            api.tell("ADDED", pod("a", 5))
            assert await informer.wait_for("ns", "a", bool)
            api.cut()
            api.tell("MODIFIED", pod("a", 6, phase="Running"))
            await informer.wait_for("ns", "a", lambda seen: bool(seen and seen["status"]))
            await informer.stop()
            lists = [call for call in api.asked if "watch" not in call]
            assert len(lists) == 1
            assert "resourceVersion=5" in api.asked[-1]

    run(work())


def test_an_informer_lists_again_when_its_version_is_too_old() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            api.pods = [pod("stays", 1), pod("goes", 1)]
            informer = Informer(client, PODS)
            changes: list[tuple[bool, bool, str]] = []
            informer.on_change(
                lambda old, new: changes.append((bool(old), bool(new), (new or old or {})["metadata"]["name"]))
            )
            await informer.start()
            await api.watching.wait()
            api.pods, api.version, api.expire_next_watch = [pod("stays", 1), pod("new", 8)], 9, True
            api.cut()
            await informer.wait_for("ns", "new", bool)
            await informer.stop()
            assert changes == [
                (False, True, "stays"),
                (False, True, "goes"),
                (True, False, "goes"),
                (False, True, "new"),
            ]

    run(work())


def test_a_line_longer_than_a_buffer_is_read_whole() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            informer = Informer(client, PODS)
            await informer.start()
            api.tell("ADDED", pod("big", 5, note="x" * 1_000_000))
            seen = await informer.wait_for("ns", "big", bool)
            assert seen is not None
            assert len(seen["status"]["note"]) == 1_000_000
            await informer.stop()

    run(work())


def test_a_listener_that_fails_does_not_stop_the_others() -> None:
    async def work() -> None:
        async with small_api() as (api, client):
            informer = Informer(client, PODS)
            seen: list[Any] = []
            informer.on_change(lambda old, new: 1 / 0)  # type: ignore[arg-type,return-value]
            informer.on_change(lambda old, new: seen.append(new))
            await informer.start()
            api.tell("ADDED", pod("a", 5))
            await informer.wait_for("ns", "a", bool)
            assert len(seen) == 1
            await informer.stop()

    run(work())
