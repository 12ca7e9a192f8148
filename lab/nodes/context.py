"""What the parts of one node's agent share."""

from __future__ import annotations

from dataclasses import dataclass

from lab.client import Client, Informer
from lab.config import LabConfig, Node
from lab.faults.seams import Faults
from lab.nodes.sandbox import Sandboxes


@dataclass(frozen=True)
class NodeContext:
    """One node: its facts, its way to the API, and what it holds."""

    config: LabConfig
    node: Node
    client: Client
    faults: Faults
    pods: Informer
    """The pods bound to this node, started by the agent."""
    sandboxes: Sandboxes

    @property
    def netns(self) -> str:
        """Name, under /run/netns, of the node's own namespace."""
        return self.config.netns(self.node.name)
