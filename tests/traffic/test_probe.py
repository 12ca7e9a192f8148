"""Reachability between two machines on a real wire, and every way in which it can deceive."""

from __future__ import annotations

import pytest

from conformance.traffic import NotReached, Reached, assert_reaches, exchange, reach, source_seen_by
from conformance.traffic import probe as probes
from conformance.verdicts import NotApplicable
from tests.traffic.conftest import only

SHELLS = {"busybox": ("busybox", "sh"), "bash": ("bash",), "dash": ("dash",)}
PROTOCOLS = ["icmp", "tcp", "udp"]


@pytest.fixture
def udp(client, server, tmp_path):
    """Both machines have a netcat that sends UDP."""
    path = only(tmp_path / "openbsd", "nc.openbsd", "nc.openbsd")
    for end in (client, server):
        end.use(path=path)


@pytest.fixture
def hasty(client, server, udp):
    """Both give up soon: for paths that stay shut."""
    for end in (client, server):
        end.use(path=end.path, reach=1, **{"probe-attempt": 1})


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_machine_on_the_wire_is_reached(client, server, protocol, shell, tmp_path):
    path = only(tmp_path / "openbsd", "nc.openbsd", "nc.openbsd") if protocol == "udp" else None
    for end in (client, server):
        end.use(SHELLS[shell], path)
    assert isinstance(reach(client, server, protocol), Reached)


@pytest.mark.parametrize("listening", ["busybox", "nc.openbsd", "nc.traditional", "ncat"])
@pytest.mark.parametrize("asking", ["busybox", "nc.openbsd", "nc.traditional", "ncat"])
def test_every_netcat_understands_every_other(client, server, tmp_path, listening, asking):
    for end, program in ((server, listening), (client, asking)):
        if program == "busybox":
            # Its shell takes its own applet, whatever is on the path.
            end.use(("busybox", "sh"))
        else:
            end.use(("dash",), only(tmp_path / program, "nc", program))
    assert isinstance(reach(client, server, "tcp"), Reached)
    if "busybox" not in (listening, asking):
        assert isinstance(reach(client, server, "udp"), Reached)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_packets_that_are_dropped_are_not_reached(client, server, hasty, protocol):
    with server.rules("input", "drop"):
        assert isinstance(reach(client, server, protocol), NotReached)


def test_a_guest_without_udp_is_not_applicable(client, server, monkeypatch):
    # Debian's busybox alone: its shell finds its applets without a path.
    monkeypatch.setattr("conformance.traffic.netcat.NETCATS", ("nc",))
    server.use(path="/nonexistent")
    with pytest.raises(NotApplicable, match=r"vm-b: no program in the guest sends UDP: it has nc \(busybox\)"):
        reach(client, server, "udp")


def test_an_impostor_on_tcp_is_not_the_server(client, server, udp):
    with probes.target(server, "tcp") as ready:
        object.__setattr__(ready._listener, "token", "udnc-of-somebody-else")
        result = ready.attempt(client)
    assert isinstance(result, NotReached)
    assert "udnc-" in result.why


def test_an_impostor_on_icmp_is_not_the_server(client, server, ends):
    class Elsewhere:
        """A server that has the address, as another machine does."""

        address, node, guest = server.address, "there", client.guest

        def __str__(self):
            return "vm-c"

    result = reach_once(client, Elsewhere(), "icmp")
    assert isinstance(result, NotReached)
    assert "someone else answered" in result.why


def test_the_failing_line_names_both_ends(client, server, hasty):
    with server.rules("input", "drop"), pytest.raises(AssertionError) as caught:
        assert_reaches(client, server, "tcp", 5000)
    assert str(caught.value).startswith(
        "tcp vm-a (10.9.0.1, here) -> vm-b (10.9.0.2:5000, here): not reached within 1 s: "
    )


def test_the_source_that_the_observer_sees_is_told(client, server):
    assert source_seen_by(server, client) == "10.9.0.1"
    client.tell("nft add table ip nat; nft add chain ip nat c '{ type nat hook postrouting priority 100; }'")
    client.tell("ip address add 10.9.0.77/24 dev eth0; nft add rule ip nat c snat to 10.9.0.77")
    try:
        assert source_seen_by(server, client) == "10.9.0.77"
    finally:
        client.tell("nft delete table ip nat; ip address del 10.9.0.77/24 dev eth0")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_payload_is_the_same_on_both_sides(client, server, udp, protocol):
    sent, received = exchange(client, server, protocol)
    assert sent == received
    assert sent.from_client != sent.from_server


def test_payload_that_is_changed_is_told(client, server, udp):
    # One byte of each datagram, and its checksum with it.
    with server.rules("input", "udp dport 5000 @th,128,8 set 0x39", "udp dport 5000 @th,48,16 set 0"):
        sent, received = exchange(client, server, "udp")
    assert sent.from_client != received.from_client
    assert sent.from_server == received.from_server


def reach_once(client, server, protocol):
    with probes.target(server, protocol) as ready:
        return ready.attempt(client)
