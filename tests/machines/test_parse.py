"""Parsers on outputs that real programs gave: busybox's, and iproute2's and iputils'."""

from __future__ import annotations

import pytest

from conformance.machines.parse.files import Socket, parse_counters, parse_resolvers, parse_sockets
from conformance.machines.parse.lease import Lease, parse_network_manager, parse_networkd, parse_udhcpc
from conformance.machines.parse.links import Neighbour, Nic, Route, parse_addresses, parse_neighbours, parse_routes
from conformance.machines.parse.ping import parse_ping

BOTH = pytest.mark.parametrize("kind", ["busybox", "iproute2"])


@BOTH
def test_addresses(sample, kind):
    (nic,) = parse_addresses(sample(kind, "address"))
    cidrs = ("10.9.0.1/24", "10.9.0.77/24", "fd10::1/64", "fe80::858:aff:fe09:1/64")
    assert nic == Nic("va", "0a:58:0a:09:00:01", 1400, True, cidrs)
    assert nic.addresses == ["10.9.0.1", "10.9.0.77", "fd10::1"]


@BOTH
def test_routes(sample, kind):
    routes = parse_routes(sample(kind, "route"))
    assert routes == [Route("default", "10.9.0.254", "va"), Route("10.9.0.0/24", None, "va")]
    assert [route.destination for route in parse_routes(sample(kind, "route6"))] == ["fd10::/64", "fe80::/64"]


@BOTH
def test_neighbours(sample, kind):
    assert parse_neighbours(sample(kind, "neighbour")) == [
        Neighbour("10.9.0.2", "va", "0a:58:0a:09:00:02"),
        Neighbour("10.9.0.200", "va", None),
        Neighbour("10.9.0.99", "va", "0a:58:0a:09:00:63"),
    ]


@BOTH
@pytest.mark.parametrize(("name", "address"), [("ping", "10.9.0.2"), ("ping6", "fd10::1")])
def test_ping_that_is_answered(sample, kind, name, address):
    ping = parse_ping(sample(kind, name))
    assert ping.all_answered
    assert set(ping.replies_from) == {address}
    assert set(ping.ttls) == {64}
    assert len(ping.ttls) == ping.received
    assert (ping.duplicates, ping.problems, ping.too_long) == (0, (), False)


@BOTH
def test_ping_that_is_not_answered(sample, kind):
    ping = parse_ping(sample(kind, "ping-unanswered"))
    assert (ping.sent, ping.received, ping.replies_from, ping.problems) == (2, 0, (), ())
    assert str(ping) == "0 of 2 replies"


@BOTH
def test_ping_without_a_route(sample, kind):
    ping = parse_ping(sample(kind, "ping-no-route"))
    assert (ping.sent, ping.received) == (0, 0)
    assert not ping.all_answered
    assert "Network is unreachable" in ping.problems[0]


@BOTH
def test_duplicates_do_not_count_as_answers(sample, kind):
    ping = parse_ping(sample(kind, "ping-duplicate"))
    assert (ping.sent, ping.received, ping.duplicates) == (2, 2, 1)
    assert set(ping.replies_from) == {"10.9.0.1", "10.9.0.2"}


@BOTH
def test_replies_of_others_do_not_count(sample, kind):
    ping = parse_ping(sample(kind, "ping"))
    assert ping.answers_of("10.9.0.2") == ping
    other = ping.answers_of("10.9.0.9")
    assert (other.sent, other.received, other.replies_from) == (ping.sent, 0, ())
    assert str(other) == f"0 of {ping.sent} replies: reply from 10.9.0.2, which was not asked"


@BOTH
def test_one_address_is_written_in_several_ways(sample, kind):
    ping = parse_ping(sample(kind, "ping6"))
    assert ping.answers_of("FD10:0::0:1") == ping


@BOTH
def test_who_is_answered_by_another_as_well_has_no_answer_of_its_own(sample, kind):
    ping = parse_ping(sample(kind, "ping-duplicate"))
    assert not ping.answers_of("10.9.0.2").all_answered


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ping-too-long", "message too long, mtu=1400"),
        ("ping-fragmentation-needed", "Frag needed and DF set (mtu = 1280)"),
    ],
)
def test_packets_that_are_too_long(sample, name, says):
    ping = parse_ping(sample("iproute2", name))
    assert (ping.received, ping.too_long) == (0, True)
    assert any(says in problem for problem in ping.problems), ping.problems


@pytest.mark.parametrize("name", ["ping-unreachable", "ping-host-unreachable"])
def test_errors_of_routers_are_told(sample, name):
    ping = parse_ping(sample("iproute2", name))
    assert (ping.sent, ping.received, ping.too_long) == (2, 0, False)
    assert "Destination Host Unreachable" in ping.problems[0]


def test_nothing_at_all_is_no_ping():
    assert parse_ping("") == parse_ping("sh: ping: not found\n")
    assert not parse_ping("").all_answered
    assert str(parse_ping("")) == "no reply"


def test_fragments_are_no_answer(sample):
    ping = parse_ping(sample("busybox", "ping")).fragmented()
    assert (ping.received, ping.too_long) == (0, True)
    assert "fragments" in str(ping)


def test_resolvers():
    text = "# by dhcp\nsearch example\nnameserver 10.96.0.10\n nameserver fd00::10 # second\noptions ndots:5\n"
    assert parse_resolvers(text) == ["10.96.0.10", "fd00::10"]


def test_counters(sample):
    counters = parse_counters(sample("linux", "snmp"))
    assert counters["Icmp.InEchos"] == 4
    assert counters["Ip.FragOKs"] == 11
    assert counters["Tcp.MaxConn"] == -1


def test_counters_of_ipv6():
    counters = parse_counters(
        "Ip6InReceives                   \t12\nIcmp6InEchos                    \t3\nUdp6InDatagrams \t0\n"
    )
    assert counters == {"Ip6.InReceives": 12, "Icmp6.InEchos": 3, "Udp6.InDatagrams": 0}


def test_sockets(sample):
    sockets = parse_sockets(sample("linux", "tcp"))
    assert Socket("0.0.0.0", 5000, "0.0.0.0", 0, "0A") in sockets
    assert Socket("10.9.0.2", 5000, "10.9.0.1", 40002, "01") in sockets
    (mapped,) = [socket for socket in parse_sockets(sample("linux", "tcp6")) if socket.state == "01"]
    assert (mapped.local, mapped.remote) == ("10.9.0.2", "10.9.0.1")


def test_lease_of_udhcpc(sample):
    assert parse_udhcpc(sample("busybox", "udhcpc")) == Lease(
        "10.9.0.53", ("10.9.0.2",), ("10.96.0.10", "10.96.0.11"), 1342, "10.9.0.2"
    )
    assert parse_udhcpc("udhcpc: no lease, failing\n") is None


def test_lease_of_networkd():
    text = "# This is private data. Do not parse.\nADDRESS=10.9.0.50\nROUTER=10.9.0.1\nMTU=1342\nDNS=10.96.0.10\n"
    assert parse_networkd(text) == Lease("10.9.0.50", ("10.9.0.1",), ("10.96.0.10",), 1342, "")
    assert parse_networkd("") is None


def test_lease_of_network_manager():
    text = (
        "DHCP4.OPTION[1]:dhcp_server_identifier = 169.254.1.1\nDHCP4.OPTION[2]:domain_name_servers = 10.96.0.10\n"
        "DHCP4.OPTION[3]:interface_mtu = 1342\nDHCP4.OPTION[4]:ip_address = 10.9.0.50\n"
        "DHCP4.OPTION[5]:routers = 10.9.0.1\n"
    )
    assert parse_network_manager(text) == Lease("10.9.0.50", ("10.9.0.1",), ("10.96.0.10",), 1342, "169.254.1.1")
    assert parse_network_manager("") is None
