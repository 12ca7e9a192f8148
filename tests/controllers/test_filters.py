"""Policies and opened ports: filters that come, change and go with their objects."""

from __future__ import annotations

import asyncio

import pytest

from lab.controllers.networks.open_ports import OPEN_PORTS, open_ports
from lab.fabric.model import PortRange
from lab.resources import NETWORK_POLICIES, PODS
from tests.controllers.cluster import LIMIT, Cluster
from tests.controllers.conftest import Run


async def filtered(cluster: Cluster, name: str, there: bool) -> None:
    """Until the fabric has that filter, or has it no more."""
    async with asyncio.timeout(LIMIT):
        while True:
            if (name in await cluster.northbound.filters()) is there:
                return
            await asyncio.sleep(0.01)


def test_a_policy_is_a_filter_as_long_as_it_exists(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("f-red")
        await cluster.ready_udn("f-red", "net", "10.26.0.0/24")
        await cluster.pod("f-red", "a")
        await cluster.connected("f-red", "a")
        policy = {"metadata": {"name": "deny", "namespace": "f-red"}, "spec": {"podSelector": {}}}
        await cluster.client.create(NETWORK_POLICIES, policy)
        await filtered(cluster, "policy/f-red/deny", True)
        await cluster.client.delete(NETWORK_POLICIES, "deny", "f-red")
        await filtered(cluster, "policy/f-red/deny", False)

    run(story)


def test_ports_are_open_as_long_as_the_annotation_can_be_read(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("f-open")
        await cluster.ready_udn("f-open", "net", "10.27.0.0/24")
        await cluster.pod("f-open", "a")
        await cluster.connected("f-open", "a")
        for text, there in (("[{protocol: tcp, port: 80}]", True), ("[{protocol: tcp}]", False)):
            await cluster.client.patch(PODS, "a", "f-open", {"metadata": {"annotations": {OPEN_PORTS: text}}})
            await filtered(cluster, "open-ports/f-open/a", there)
        message = await cluster.event("f-open", "a", "ErrorUpdatingResource")
        assert "wanted is tcp, udp or sctp with a port" in message

    run(story)


def test_opened_ports() -> None:
    text = "- protocol: tcp\n  port: 80\n- protocol: icmp\n"
    assert open_ports(text) == (PortRange("tcp", 80), PortRange("icmp"))


@pytest.mark.parametrize("text", ["{", "tcp", "[tcp]", "[{protocol: icmp, port: 1}]", "[{protocol: udp, port: http}]"])
def test_opened_ports_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match=OPEN_PORTS):
        open_ports(text)
