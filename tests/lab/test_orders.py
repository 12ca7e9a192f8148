"""Orders to a supervisor: carried out one at a time, told step by step, and refused in one line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lab.orders import SOCKET, OrderFailed, Orders, Tell, give


async def _work(tell: Tell) -> None:
    tell("one")
    await asyncio.sleep(0)
    tell("two")


async def _break(tell: Tell) -> None:
    tell("one")
    raise RuntimeError("the switch does not start")


def told(state: Path, *orders: str) -> list[list[str] | str]:
    """What a supervisor answers to orders that are given side by side."""

    async def serve() -> list[list[str] | str]:
        served = Orders(state, {"work": _work, "break": _break})
        await served.serve()
        try:
            return await asyncio.gather(*(asyncio.to_thread(_given, state, order) for order in orders))
        finally:
            await served.close()

    return asyncio.run(serve())


def _given(state: Path, order: str) -> list[str] | str:
    try:
        return list(give(state, order))
    except OrderFailed as error:
        return str(error)


def test_steps_are_told_as_they_are_done(tmp_path: Path) -> None:
    assert told(tmp_path, "work", "work") == [["one", "two"], ["one", "two"]]


def test_what_goes_wrong_is_told_in_one_line(tmp_path: Path) -> None:
    assert told(tmp_path, "break") == ["RuntimeError: the switch does not start"]
    (said,) = told(tmp_path, "make coffee")
    assert "make coffee" in said


def test_a_lab_whose_supervisor_is_gone_takes_none(tmp_path: Path) -> None:
    with pytest.raises(OrderFailed, match="takes no orders: No such file"):
        list(give(tmp_path, "work"))
    told(tmp_path, "work")
    assert not (tmp_path / SOCKET).exists()
