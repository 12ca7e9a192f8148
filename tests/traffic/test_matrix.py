"""Many paths at once on a real wire: what a matrix finds, and what would deceive it."""

from __future__ import annotations

import pytest

from conformance.traffic import ICMP, Destination, assert_matrix, cells, matrix, tcp, udp
from conformance.verdicts import Blocked
from tests.traffic.conftest import only

WAYS = (ICMP, tcp(5000), tcp(5001), udp(5000))
OUT = "ip daddr 10.9.0.2"


@pytest.fixture
def both(client, server, tmp_path):
    """Both machines, with a netcat that sends UDP, and little patience."""
    path = only(tmp_path / "openbsd", "nc.openbsd", "nc.openbsd")
    for end in (client, server):
        end.use(("dash",), path, reach=6, **{"probe-silence": 3})
    return client, server


def test_what_is_open_is_reached_both_ways_at_once(both):
    assert_matrix(cells(both, both, WAYS, True))


def test_what_is_shut_is_told_apart_from_what_is_open(both):
    client, server = both

    def allowed(one, other, way):
        return way == tcp(5000) or one is server

    with matrix(both, WAYS) as made:
        made.check(cells(both, both, WAYS, True), "open")
        with client.rules("output", f"{OUT} tcp dport 5001 drop", f"{OUT} udp dport 5000 drop", ECHO):
            made.check(cells(both, both, WAYS, allowed), "shut")
        made.check(cells(both, both, WAYS, True), "open again")


ECHO = f"{OUT} icmp type echo-request drop"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_path_that_is_open_after_all_is_named(both, way):
    client, server = both
    with matrix(both, WAYS) as made:
        made.check(cells([client], [server], WAYS, True), "open")
        port = "" if way.port is None else rf":{way.port}"
        wanted = (
            rf"{way.protocol} vm-a \(10.9.0.1, here\) -> vm-b \(10.9.0.2{port}, here\): expected no path, got reply"
        )
        with pytest.raises(AssertionError, match=wanted):
            made.check(cells([client], [server], [way], False), "shut")


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_packets_that_arrive_unanswered_are_a_leak(both, way):
    client, server = both
    with matrix(both, WAYS) as made:
        made.check(cells([client], [server], WAYS, True), "open")
        with (
            client.rules("input", "ip saddr 10.9.0.2 drop"),
            pytest.raises(AssertionError, match="expected no path, but packets arrive"),
        ):
            made.check(cells([client], [server], [way], False), "shut")


def test_each_path_that_fails_has_its_line(both):
    client, _ = both
    with client.rules("output", f"{OUT} udp dport 5000 drop", ECHO), pytest.raises(AssertionError) as caught:
        assert_matrix(cells(both, both, WAYS, True), "all of them")
    first, *lines = str(caught.value).splitlines()
    assert first == "all of them: 2 of 8 paths are not as they shall be:"
    assert [line.partition(": ")[0] for line in lines] == [
        "icmp vm-a (10.9.0.1, here) -> vm-b (10.9.0.2, here)",
        "udp vm-a (10.9.0.1, here) -> vm-b (10.9.0.2:5000, here)",
    ]


def test_what_never_answered_proves_nothing_by_its_silence(both):
    client, server = both
    with (
        matrix(both, WAYS) as made,
        pytest.raises(Blocked, match=r"nothing proves that vm-b can be reached by tcp/5000"),
    ):
        made.check(cells([client], [server], [tcp(5000)], False), "shut")


def test_somebody_else_at_the_address_is_not_the_server(both):
    client, server = both
    # Answers come, by a machine that has the address: not by the one that was meant.
    elsewhere = Destination("vm-c", server.address, (client,))
    with matrix(both, WAYS) as made, pytest.raises(AssertionError) as caught:
        made.check(cells([client], [elsewhere], WAYS, True), "impostor")
    assert "tcp vm-a (10.9.0.1, here) -> vm-c (10.9.0.2:5000, cluster): not reached: answered by vm-b" in str(
        caught.value
    )
    assert "icmp vm-a (10.9.0.1, here) -> vm-c (10.9.0.2, cluster): not reached" in str(caught.value)


def test_any_of_several_may_answer_behind_one_address(both):
    client, server = both
    service = Destination("service", server.address, (client, server), port=5001)
    with matrix(both, [tcp(5000), tcp(5001)]) as made:
        (found,) = made.check(cells([client], [service], [tcp(5001)], True), "one of two")
    assert found.seen.by is server


def test_a_change_is_awaited_as_long_as_it_may_take(both):
    client, server = both
    for end in both:
        end.use(("dash",), end.path, reach=6, **{"probe-silence": 3, "policy-effective": 60})
    with matrix(both, [tcp(5000)]) as made:
        made.check(cells([client], [server], [tcp(5000)], True), "open")
        # A datagram later, the rule is there: counted by the rule itself, not by time.
        with client.rules("output", "tcp flags syn limit rate over 1/hour burst 1 packets drop"):
            made.check(cells([client], [server], [tcp(5000)], False), "shut soon", settles="policy-effective")


# Whatever comes from the port that was seen first is lost.
FIRST_SESSION_HANGS = """
table ip hanging {
    set first { type inet_service; size 1; flags dynamic; }
    chain out {
        type filter hook output priority 0;
        ip daddr 10.9.0.2 tcp dport 5000 add @first { tcp sport }
        ip daddr 10.9.0.2 tcp sport @first counter drop
    }
}
"""


def test_a_session_that_hangs_is_begun_anew(both):
    client, server = both
    with matrix(both, [tcp(5000)]) as made:
        client.tell(f"nft -f - <<'END'\n{FIRST_SESSION_HANGS}END")
        try:
            made.check(cells([client], [server], [tcp(5000)], True), "open for all but the first session")
            client.tell("! nft list table ip hanging | grep 'packets 0 bytes 0'")
        finally:
            client.tell("nft delete table ip hanging")


def test_a_netcat_that_fails_is_told_before_anything_else(both):
    client, server = both
    client.use(("dash",), client.path, listener=1)
    with (
        client.rules("output", "oif lo drop"),
        pytest.raises(Blocked, match=r"vm-a: \S+ does not even reach its own loopback"),
    ):
        assert_matrix(cells([client], [server], WAYS, True))


def test_a_client_whose_network_is_dead_proves_nothing(both, server):
    client, _ = both
    client.tell("ip route add default via 10.9.0.254")
    try:
        with matrix(both, [ICMP]) as made:
            made.check(cells([server], [client], [ICMP], True), "somebody answers")
            with pytest.raises(Blocked, match=r"vm-a: its network is dead: no sign of its gateway 10.9.0.254"):
                made.check(cells([client], [Destination("vm-a", client.address, (client,))], [ICMP], False), "dead")
    finally:
        client.tell("ip route del default")
