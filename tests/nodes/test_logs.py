"""Logs on disk, and those who follow them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.nodes.logs import ContainerLog, Selection, previous, rendered


def test_lines_are_told_apart_however_they_come(tmp_path: Path) -> None:
    async def work() -> None:
        log = ContainerLog(tmp_path / "c.log")
        for piece in (b"one\ntw", b"o\r\nthr", b"ee"):
            log.append("stdout", piece)
        log.end()
        assert rendered(log.path, Selection()) == b"one\ntwo\r\nthree"
        assert rendered(log.path, Selection(tail_lines=2)) == b"two\r\nthree"
        assert rendered(log.path, Selection(tail_lines=0)) == b""
        assert rendered(log.path, Selection(limit_bytes=5)) == b"one\nt"

    asyncio.run(work())


def test_a_line_without_end_is_kept_in_pieces(tmp_path: Path) -> None:
    async def work() -> None:
        log = ContainerLog(tmp_path / "c.log")
        log.append("stdout", b"x" * 40_000)
        log.append("stdout", b"\n")
        log.end()
        assert rendered(log.path, Selection()) == b"x" * 40_000 + b"\n"

    asyncio.run(work())


def test_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    async def work() -> None:
        log = ContainerLog(tmp_path / "c.log")
        log.append("stdout", b"line\n")
        log.end()
        assert rendered(log.path, Selection(since=datetime.now(UTC) + timedelta(hours=1))) == b""
        assert rendered(log.path, Selection(since=datetime.now(UTC) - timedelta(hours=1))) == b"line\n"

    asyncio.run(work())


def test_a_follower_sees_what_comes_and_ends_with_the_log(tmp_path: Path) -> None:
    async def work() -> None:
        log = ContainerLog(tmp_path / "c.log")
        log.append("stdout", b"old\nolder\n")
        seen: list[bytes] = []

        async def follow() -> None:
            async for chunk in log.read(Selection(follow=True, tail_lines=1)):
                seen.append(chunk)

        follower = asyncio.create_task(follow())
        await asyncio.sleep(0)
        log.append("stderr", b"new\n")
        await asyncio.sleep(0)
        log.append("stdout", b"newer\n")
        log.end()
        await asyncio.wait_for(follower, 20)
        assert b"".join(seen) == b"older\nnew\nnewer\n"

    asyncio.run(work())


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        for text in (b"first\n", b"second\n"):
            log = ContainerLog(tmp_path / "c.log")
            log.append("stdout", text)
            log.end()
        assert rendered(previous(tmp_path / "c.log"), Selection()) == b"first\n"
        assert rendered(tmp_path / "c.log", Selection()) == b"second\n"

    asyncio.run(work())
