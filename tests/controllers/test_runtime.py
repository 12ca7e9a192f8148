"""Keys, workers and retries."""

from __future__ import annotations

import asyncio

from lab.controllers.runtime import Controller, Key
from lab.refusals import Conflict

ONE, TWO = Key("blue", "one"), Key("blue", "two")


def test_a_key_is_worked_on_by_one_worker_and_once_more_for_changes_meanwhile() -> None:
    async def story() -> None:
        begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
        active, runs = 0, 0

        async def reconcile(_: Key) -> None:
            nonlocal active, runs
            active, runs = active + 1, runs + 1
            assert active == 1
            begun.set()
            await go.wait()
            active -= 1
            if runs == 2:
                done.set()

        controller = Controller("test", reconcile)
        controller.start()
        controller.enqueue(ONE)
        await begun.wait()
        for _ in range(3):
            controller.enqueue(ONE)
        go.set()
        await done.wait()
        await controller.stop()
        assert runs == 2

    asyncio.run(story())


def test_keys_are_worked_on_side_by_side() -> None:
    async def story() -> None:
        meeting = asyncio.Barrier(3)

        async def reconcile(_: Key) -> None:
            await meeting.wait()

        controller = Controller("test", reconcile)
        controller.enqueue(ONE)
        controller.enqueue(TWO)
        controller.start()
        async with asyncio.timeout(5):
            await meeting.wait()
        await controller.stop()

    asyncio.run(story())


def test_errors_are_tried_again_and_do_not_end_the_controller() -> None:
    async def story() -> None:
        errors: list[Exception] = [Conflict(409, "Conflict", "stale"), KeyError("a mistake"), OSError("network")]
        done = asyncio.Event()

        async def reconcile(_: Key) -> None:
            if errors:
                raise errors.pop()
            done.set()

        controller = Controller("test", reconcile)
        controller.start()
        controller.enqueue(ONE)
        async with asyncio.timeout(5):
            await done.wait()
        await controller.stop()

    asyncio.run(story())


def test_a_look_later_is_overtaken_by_a_change() -> None:
    async def story() -> None:
        runs: asyncio.Queue[Key] = asyncio.Queue()

        async def reconcile(key: Key) -> float | None:
            runs.put_nowait(key)
            return 3600.0

        controller = Controller("test", reconcile)
        controller.start()
        controller.enqueue(ONE, after=3600.0)
        controller.enqueue(ONE)
        async with asyncio.timeout(5):
            await runs.get()
            controller.enqueue(ONE)
            await runs.get()
        await controller.stop()

    asyncio.run(story())


def test_stopping_lets_work_end_and_takes_no_more() -> None:
    async def story() -> None:
        begun = asyncio.Event()
        ended: list[Key] = []

        async def reconcile(key: Key) -> None:
            begun.set()
            await asyncio.sleep(0)
            ended.append(key)

        controller = Controller("test", reconcile)
        controller.start()
        controller.enqueue(ONE)
        await begun.wait()
        await controller.stop()
        controller.enqueue(TWO)
        assert ended == [ONE]

    asyncio.run(story())
