"""The rules by which a node passes on what comes for services, as nftables takes them."""

from __future__ import annotations

import os
import subprocess

import pytest

from lab.nodes.service_ports import ruleset

SERVICE = {
    "metadata": {"name": "s", "namespace": "n", "annotations": {"lab.udn/gateway": "172.18.200.1"}},
    "spec": {
        "ports": [
            {"port": 80, "nodePort": 30080, "protocol": "TCP"},
            {"port": 80, "nodePort": 30081, "protocol": "UDP"},
            {"port": 81, "protocol": "TCP"},
        ]
    },
    "status": {"loadBalancer": {"ingress": [{"ip": "172.18.0.128"}]}},
}


def test_each_port_leads_to_the_network_by_its_node_port() -> None:
    rules = ruleset([SERVICE], "172.18.0.11")
    assert "ip daddr 172.18.0.11 tcp dport 30080 dnat to 172.18.200.1:30080\n" in rules
    assert "ip daddr 172.18.0.11 udp dport 30081 dnat to 172.18.200.1:30081\n" in rules
    assert "ip daddr 172.18.0.128 udp dport 80 dnat to 172.18.200.1:30081\n" in rules
    assert "dport 81" not in rules


@pytest.mark.skipif(os.geteuid() != 0, reason="nftables needs root")
@pytest.mark.parametrize("services", [[], [SERVICE]])
def test_nftables_takes_the_rules(services) -> None:
    # In a namespace of its own, which goes with the command.
    argv = ["unshare", "--net", "nft", "-f", "-"]
    done = subprocess.run(argv, input=ruleset(services, "172.18.0.11"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
