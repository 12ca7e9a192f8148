"""What a NetworkPolicy lets through, case by case."""

from __future__ import annotations

import pytest

from lab.controllers.networks.policy_rules import Member, filter_of
from lab.fabric.model import Allow, PortRange

NAMESPACES = {"red": {"team": "a"}, "blue": {"team": "b"}}


def member(namespace, name, address, ports=(), **labels):
    spec = {"containers": [{"ports": [{"name": text, "containerPort": number} for text, number in ports]}]}
    pod = {"metadata": {"namespace": namespace, "name": name, "labels": labels}, "spec": spec}
    return Member(pod, f"{namespace}_{name}", (address,))


MEMBERS = [
    member("red", "web", "10.0.0.1", [("http", 8080)], app="web"),
    member("red", "old", "10.0.0.2", [("http", 80)], app="web"),
    member("red", "client", "10.0.0.3", app="client"),
    member("blue", "client", "10.0.0.4", app="client"),
]
EVERYBODY = ("red_client", "red_old", "red_web")


def made(**spec):
    return filter_of({"metadata": {"namespace": "red", "name": "p"}, "spec": spec}, "net", MEMBERS, NAMESPACES)


def test_without_rules_nothing_comes_in_and_all_leaves():
    found = made(podSelector={})
    assert (found.name, found.network, found.ports) == ("policy/red/p", "net", EVERYBODY)
    assert (found.ingress, found.egress) == ((), None)


def test_deny_all():
    found = made(podSelector={}, policyTypes=["Ingress", "Egress"])
    assert (found.ingress, found.egress) == ((), ())


def test_egress_alone():
    found = made(podSelector={"matchLabels": {"app": "client"}}, policyTypes=["Egress"], egress=[{}])
    assert (found.ports, found.ingress, found.egress) == (("red_client",), None, (Allow(),))


@pytest.mark.parametrize(
    ("peer", "addresses"),
    [
        ({"podSelector": {}}, ("10.0.0.1", "10.0.0.2", "10.0.0.3")),
        ({"podSelector": {"matchLabels": {"app": "client"}}}, ("10.0.0.3",)),
        ({"namespaceSelector": {}}, ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, ("10.0.0.4",)),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "client"}}}, ("10.0.0.3", "10.0.0.4")),
        ({"namespaceSelector": {"matchLabels": {"team": "c"}}}, ()),
    ],
    ids=str,
)
def test_peers(peer, addresses):
    assert made(podSelector={}, ingress=[{"from": [peer]}]).ingress == (Allow(addresses),)


def test_a_block_and_its_exceptions():
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.4/32"]}}
    found = made(podSelector={}, policyTypes=["Egress"], egress=[{"to": [block]}])
    assert found.egress == (Allow(()), Allow(("10.0.0.0/8",), ("10.0.0.4/32",)))


def test_ports_by_number_range_and_protocol():
    ports = [{"port": 80}, {"protocol": "UDP", "port": 5000, "endPort": 5010}, {"protocol": "SCTP"}]
    found = made(podSelector={}, ingress=[{"ports": ports}])
    ranges = (PortRange("tcp", 80), PortRange("udp", 5000, 5010), PortRange("sctp"))
    assert found.ingress == (Allow(None, ports=ranges),)


def test_a_named_port_is_the_number_that_each_pod_gives_it():
    found = made(podSelector={"matchLabels": {"app": "web"}}, ingress=[{"ports": [{"port": "http"}]}])
    assert set(found.ingress) == {
        Allow(None, ports=(PortRange("tcp", 8080),), own=("10.0.0.1",)),
        Allow(None, ports=(PortRange("tcp", 80),), own=("10.0.0.2",)),
    }


def test_a_named_port_of_those_who_are_asked():
    rule = {"to": [{"podSelector": {}}], "ports": [{"port": "http"}]}
    found = made(podSelector={"matchLabels": {"app": "client"}}, policyTypes=["Egress"], egress=[rule])
    assert set(found.egress) == {
        Allow(("10.0.0.1",), ports=(PortRange("tcp", 8080),)),
        Allow(("10.0.0.2",), ports=(PortRange("tcp", 80),)),
    }
