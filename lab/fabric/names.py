"""Names of OVN's objects, as OVN-Kubernetes gives them, so that its users find their way about."""

from __future__ import annotations

from lab.fabric.model import DEFAULT_NETWORK

EXTERNAL_SWITCH = "ext_physnet"
PHYSICAL_NETWORK = "physnet"
NETWORK_KEY = "k8s.ovn.org/network"
TOPOLOGY_KEY = "k8s.ovn.org/topology"
PORT_KEY = "k8s.ovn.org/port"
MANAGEMENT_INTERFACE = "ovn-k8s-mp0"


def prefix(network: str) -> str:
    """What the names of a network's objects begin with: nothing for the default network."""
    return "" if network == DEFAULT_NETWORK else network.replace("-", ".").replace("/", ".") + "_"


def layer2_switch(network: str) -> str:
    """The one switch of a Layer2 network."""
    return f"{prefix(network)}ovn_layer2_switch"


def node_switch(network: str, node: str) -> str:
    """A node's switch of a Layer3 network."""
    return f"{prefix(network)}{node}"


def router(network: str) -> str:
    """The router of a network."""
    return f"{prefix(network)}ovn_cluster_router"


def management_port(network: str, node: str) -> str:
    """The node's own port on its switch of a Layer3 network."""
    return f"k8s-{prefix(network)}{node}"
