"""Filters judge real packets: what they let in and out, for whom, on which ports, and that replies come back."""

from __future__ import annotations

import pytest

from lab.fabric.model import DEFAULT_NETWORK, Allow, Filter, Layer2, PortRange, default_network

pytestmark = pytest.mark.lab
NETWORK = "ns_filtered"


@pytest.fixture(scope="module")
def trio(bench):
    """The first is filtered by the tests; the second runs beside it, the third at another node."""
    nodes = ("control-plane", "worker-1", "worker-2")
    bench.run(bench.northbound.ensure_layer2(Layer2(NETWORK, ("10.35.0.0/24",), nodes=nodes)))
    return (
        bench.workload(NETWORK, "worker-1", "10.35.0.11"),
        bench.workload(NETWORK, "worker-1", "10.35.0.12"),
        bench.workload(NETWORK, "worker-2", "10.35.0.13"),
    )


@pytest.fixture
def filtered(bench, trio):
    """Puts a filter on the first, in force at every node when it returns; taken away afterwards."""

    def put(ingress=None, egress=None):
        wanted = Filter("trial", NETWORK, (trio[0].port,), ingress, egress)
        bench.run(bench.northbound.ensure_filter(wanted))
        bench.run(bench.northbound.sync())

    yield put
    bench.run(bench.northbound.delete_filter("trial"))
    bench.run(bench.northbound.sync())
    assert trio[1].reaches(trio[0].ip)
    assert trio[0].reaches(trio[2].ip)


def test_nothing_comes_in_and_answers_still_do(trio, filtered):
    own, near, far = trio
    filtered(ingress=())
    assert not near.reaches(own.ip)
    assert not far.reaches(own.ip)
    assert own.reaches(near.ip)
    assert own.asks(far, "tcp") == f"{far.ip} answers"


def test_nothing_leaves_and_who_asks_is_answered(trio, filtered):
    own, near, far = trio
    filtered(egress=())
    assert not own.reaches(near.ip)
    assert not own.reaches(far.ip)
    assert far.reaches(own.ip)


def test_one_peer_on_one_port(trio, filtered):
    own, near, far = trio
    filtered(ingress=(Allow((far.ip,), ports=(PortRange("tcp", 4990, 5010),)),))
    assert far.asks(own, "tcp") == f"{own.ip} answers"
    assert far.asks(own, "udp") == ""
    assert not far.reaches(own.ip)
    assert near.asks(own, "tcp") == ""


def test_a_block_but_for_a_part_of_it(trio, filtered):
    own, near, far = trio
    filtered(ingress=(Allow(("10.35.0.0/24",), excepts=(f"{near.ip}/32",)),))
    assert far.reaches(own.ip)
    assert not near.reaches(own.ip)


def test_one_of_several_filters_is_enough(bench, trio, filtered):
    own, near, far = trio
    filtered(ingress=())
    bench.run(bench.northbound.ensure_filter(Filter("second", NETWORK, (own.port,), (Allow((near.ip,)),))))
    bench.run(bench.northbound.sync())
    assert near.reaches(own.ip)
    assert not far.reaches(own.ip)
    bench.run(bench.northbound.delete_filter("second"))


def test_a_filter_that_changes_leaves_nothing_of_what_it_was(bench, trio, filtered):
    own, near, far = trio
    filtered(ingress=(Allow((near.ip,)), Allow(None, ports=(PortRange("tcp", 5000),))))
    filtered(ingress=(Allow((far.ip,)),))
    assert far.reaches(own.ip)
    assert not near.reaches(own.ip)
    assert near.asks(own, "tcp") == ""


def test_a_locked_port_lets_pass_what_is_opened_and_what_its_node_asks(bench):
    bench.run(bench.northbound.ensure_layer3(default_network(bench.config)))
    subnets = [bench.config.node(node).host_subnet for node in ("worker-1", "worker-2")]
    locked, plain = (
        bench.workload(DEFAULT_NETWORK, node, subnet.replace(".0/24", ".78"), **more)
        for node, subnet, more in zip(("worker-1", "worker-2"), subnets, ({"locked": True}, {}), strict=True)
    )
    for workload, subnet in zip((locked, plain), subnets, strict=True):
        workload.run("ip", "route", "add", "default", "via", subnet.replace(".0/24", ".1"))
    bench.run(bench.northbound.sync())
    assert not plain.reaches(locked.ip)
    assert not locked.reaches(plain.ip)
    opened = Filter("opened", DEFAULT_NETWORK, (locked.port,), ingress=(Allow(ports=(PortRange("tcp", 5000),)),))
    bench.run(bench.northbound.ensure_filter(opened))
    bench.run(bench.northbound.sync())
    assert plain.asks(locked, "tcp") == f"{locked.ip} answers"
    assert not plain.reaches(locked.ip)
    bench.run(bench.northbound.delete_filter("opened"))
