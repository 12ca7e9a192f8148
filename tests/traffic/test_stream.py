"""A stream over a real wire, and what an outage, a reset, a lost or a changed line makes of it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from conformance.evidence.folder import TestFolder
from conformance.evidence.recorder import RECORDER
from conformance.traffic import StreamFailed, stream
from tests.traffic.conftest import only

SHELLS = {"busybox": ("busybox", "sh"), "bash": ("bash",), "dash": ("dash",)}


def during(seconds: float) -> None:
    """Let lines flow."""
    threading.Event().wait(seconds)


@pytest.fixture
def folder(tmp_path):
    """What is recorded."""
    folder = TestFolder(tmp_path / "evidence")
    unsubscribe = RECORDER.subscribe(folder)
    yield folder
    unsubscribe()


@pytest.mark.parametrize("shell", SHELLS)
def test_an_undisturbed_stream_is_whole_and_hardly_silent(client, server, shell):
    for end in (client, server):
        end.use(SHELLS[shell])
    with stream(client, server) as flow:
        during(0.5)
    assert flow.arrived_in_order, flow.faults
    assert flow.count >= 5
    assert flow.longest_silence < 1.0, flow.timeline
    assert {record.count for record in flow._sides.values()} != {0}


@pytest.mark.parametrize("program", ["nc.openbsd", "nc.traditional", "ncat"])
def test_any_netcat_carries_it(client, server, tmp_path, program):
    for end in (client, server):
        end.use(("dash",), only(tmp_path / program, "nc", program))
    with stream(client, server, port=5202) as flow:
        during(0.3)
    assert flow.arrived_in_order, flow.faults


def test_an_outage_is_measured_on_the_side_that_stays(client, server, folder):
    before = datetime.now(UTC)
    with stream(client, server) as flow:
        during(0.3)
        with server.rules("input", "drop"):
            after = datetime.now(UTC)
            during(1.5)
        server.migration_uid = "moved"
        during(0.2)
    assert flow.arrived_in_order, flow.faults
    assert flow.measured_on == "vm-a"
    assert flow.longest_silence >= 1.4, flow.timeline
    assert "longest silence" in str(flow.timeline)
    assert max(gap for _, gap in flow.timeline.points()) == flow.longest_silence
    (shown,) = folder.exhibits
    assert shown["measuredOn"] == "vm-a"
    assert shown["silences"][0]["seconds"] == round(flow.longest_silence, 3)
    silent = datetime.fromisoformat(shown["started"]) + timedelta(seconds=shown["silences"][0]["at"])
    slack = timedelta(seconds=shown["accuracy"] + 0.1)
    # The first lines that go unacknowledged arrive all the same.
    assert before - slack <= silent <= after + slack + timedelta(seconds=1), shown


def test_the_side_asked_for_is_measured(client, server):
    with stream(client, server, measured_on=server) as flow:
        during(0.2)
    assert flow.measured_on == "vm-b"


def test_an_outage_that_outlasts_the_stream_is_not_missed(client, server):
    for end in (client, server):
        end.use(**{"stream-drain": 2})
    with server.rules("input", "drop"):
        pass
    client.tell("nft add table ip trial")
    try:
        with stream(client, server) as flow:
            during(0.3)
            client.tell("nft add chain ip trial c '{ type filter hook input priority 0; policy drop; }'")
    finally:
        client.tell("nft delete table ip trial")
    assert not flow.arrived_in_order
    assert any("the end never arrived" in fault for fault in flow.faults)
    assert flow.longest_silence >= 1.5, flow.timeline


def test_a_session_that_is_reset_is_a_fault(client, server):
    for end in (client, server):
        end.use(**{"stream-drain": 2})
    with stream(client, server) as flow:
        during(0.3)
        with server.rules("input", "tcp dport 5201 reject with tcp reset"):
            during(0.5)
    assert not flow.arrived_in_order
    assert any("the session ended by itself" in fault for fault in flow.faults), flow.faults


def test_a_stream_that_cannot_start_is_an_error(client, server):
    client.use(**{"stream-start": 1})
    server.use(**{"stream-start": 1})
    with (
        server.rules("input", "drop"),
        pytest.raises(StreamFailed, match=r"tcp vm-a .* -> vm-b .*: the stream did not start: vm-a received nothing"),
        stream(client, server),
    ):
        pytest.fail("the block must not run")


def test_an_error_in_the_block_is_what_is_told_and_what_arrived_is_shown(client, server, folder):
    with pytest.raises(ValueError, match="of the test"), stream(client, server):
        raise ValueError("of the test")
    assert [shown["measuredOn"] for shown in folder.exhibits] == ["vm-a", "vm-b"]
    for shown in folder.exhibits:
        assert sum(shown["arrivals"]["counts"]) >= 3
        assert shown["faults"] == ["the test broke off before the session was over"]


def test_findings_are_not_known_while_it_runs(client, server):
    with stream(client, server) as flow, pytest.raises(RuntimeError, match="the stream still runs"):
        _ = flow.arrived_in_order


def test_nothing_runs_on_afterwards(client, server):
    with stream(client, server):
        during(0.2)
    for end in (client, server):
        assert end.is_quiet(), end.processes()
