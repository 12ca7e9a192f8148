"""Sessions over a real wire: what is cut, reset or lost is written down by who missed it, and by nobody else."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from conformance.upgrade.judging import side_findings
from conformance.upgrade.sessions import SessionLost, sides
from tests.traffic.conftest import only
from tests.upgrade.conftest import SESSION, TOKEN, Pair, until

SHELLS = {"busybox": ("busybox", "sh"), "bash": ("bash",), "dash": ("dash",)}


def during(seconds: float) -> None:
    """Let an outage last."""
    threading.Event().wait(seconds)


@pytest.mark.parametrize("shell", SHELLS)
def test_an_undisturbed_session_has_nothing_to_tell(client, server, pair: Pair, shell: str) -> None:
    for end in (client, server):
        end.use(SHELLS[shell])
    for side in pair:
        side.begin()
    for side in pair:
        until(lambda side=side: side.look().count >= 10)
        assert side.record.faults == []
        assert side.record.began == 1


@pytest.mark.parametrize("program", ["nc.traditional", "ncat"])
def test_any_netcat_holds_it(client, server, pair: Pair, tmp_path, program: str) -> None:
    for end in (client, server):
        end.use(("dash",), only(tmp_path / program, "nc", program))
    for side in pair:
        side.begin()
    for side in pair:
        until(lambda side=side: side.look().count >= 3)


def test_one_direction_that_is_cut_is_a_silence_where_nothing_came(held: Pair, client, server) -> None:
    serving, _ = held
    with server.rules("input", "tcp dport 5301 drop"):
        during(1.5)
    until(lambda: serving.look().silences)
    finding, *_ = side_findings(serving, 1.0)
    assert finding.startswith("tcp vm-a -> vm-b (on different nodes): silence of ")
    assert serving.record.longest.seconds >= 1.4
    assert serving.record.faults == []


def test_a_silence_is_seen_while_it_goes_on(held: Pair, server) -> None:
    serving, _ = held
    with server.rules("input", "tcp dport 5301 drop"):
        until(lambda: serving.look().above(1.0))
        assert serving.record.longest.ongoing
        assert "nothing arrives since" in side_findings(serving, 1.0)[0]


def test_a_session_that_is_reset_is_told_and_opened_again(held: Pair, server) -> None:
    serving, calling = held
    with server.rules("input", "tcp dport 5301 reject with tcp reset"):
        until(lambda: calling.look().faults)
    assert "the session ended by itself" in calling.record.faults[0]
    until(lambda: calling.look().began == 2 and serving.look().began == 2)


def test_who_begins_it_twice_has_it_once(held: Pair) -> None:
    serving, _ = held
    before = serving.look().count
    serving.begin()
    assert serving.look().count >= before
    assert serving.record.began == 1


def test_another_who_looks_later_sees_all_of_it(held: Pair, client, server) -> None:
    serving, _ = held
    with server.rules("input", "tcp dport 5301 drop"):
        during(1.0)
    until(lambda: serving.look().silences)
    stranger, _ = sides([SESSION], {"vm-a": client, "vm-b": server}, TOKEN)
    assert stranger.look().silences == serving.record.silences


def test_a_side_that_ended_is_lost_and_can_be_begun_again(held: Pair) -> None:
    serving, _ = held
    pid = (Path(serving._folder) / "pid").read_text().strip()
    os.killpg(int(pid), signal.SIGKILL)
    with pytest.raises(SessionLost, match="does not hold the session any more"):
        until(lambda: serving.look() is None)
    serving.forget()
    serving.begin()
    until(lambda: serving.look().count >= 3)
