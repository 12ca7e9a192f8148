"""What is known of a lab: its name, its nodes and their addresses, where its files are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from lab.pace import Pace

STATE_ROOT = Path("/run/udn-lab")
CACHE = Path("/var/cache/udn-lab")

CLUSTER_SUBNET = "10.244.0.0/16"
SERVICE_SUBNET = "10.96.0.0/16"
CLUSTER_DNS = "10.96.0.10"
UNDERLAY_SUBNET = "172.18.0.0/24"
UNDERLAY_ROUTER = "172.18.0.1"
OUTSIDE_HOST = "203.0.113.10"
OUTSIDE_NAME = "outside.example"  # that host's, by the name server beyond the cluster
OUTSIDE_PORT = 8080  # answers one line by TCP and UDP
GATEWAY_SUBNET = "172.18.128.0/17"  # on the physical network: the networks' own addresses beyond the cluster
GATEWAY_ROUTER = "172.18.128.1"
EXTERNAL_SUBNET = "172.18.0.128/26"  # of the underlay: what services of type LoadBalancer get
MANAGEMENT_SUBNET = "172.19.0.0/24"  # a plain link between nodes, for bulk such as a VM's memory
JOIN_SUBNET = "100.64.0.0/16"
UDN_JOIN_SUBNETS = ("100.65.0.0/16", "fd99::/64")
MASQUERADE_SUBNET = "169.254.0.0/17"
TRANSIT_SUBNET = "100.88.0.0/16"
CLUSTER_MTU = 1400
SERVICE_GATEWAY = "lab.udn/gateway"
"""Annotation of a Service: the address of its network beyond the cluster, to which nodes pass what comes to them."""
API_PORT = 6443  # of the control plane's address: where services and workloads find the API server

POD_IMAGE = "localhost/lab-pod:latest"
"""A busybox shell; sleeps for ever unless told otherwise."""
LAUNCHER_IMAGE = "localhost/lab-launcher:latest"
GUEST_IMAGE = "localhost/lab-guest:latest"
"""The guest, as a containerDisk."""
IMAGES = (POD_IMAGE, LAUNCHER_IMAGE, GUEST_IMAGE)
"""All that can be pulled: the lab has no registry to ask for more."""


class Start(StrEnum):
    """How VMs begin: from a saved booted state, or by a boot of their own."""

    INSTANT = "instant"
    COLD = "cold"


@dataclass(frozen=True)
class Conduct:
    """How a lab is to behave, where it can behave in several ways."""

    start: Start = Start.INSTANT
    pace: Pace = field(default_factory=Pace)
    chaos: int | None = None
    """The seed of the troubles that the API's users meet; None: no trouble."""


@dataclass(frozen=True)
class Node:
    """One node: a network namespace with its own OVS and ovn-controller."""

    name: str
    address: str
    host_subnet: str
    control_plane: bool = False
    management: str = ""


@dataclass(frozen=True)
class LabConfig:
    """The facts of one lab, written once by the supervisor as ``lab.json``."""

    name: str
    prefix: str
    state: Path
    nodes: tuple[Node, ...] = field(default=())
    api_port: int = 0
    conduct: Conduct = field(default_factory=Conduct)

    @classmethod
    def new(cls, name: str, workers: int, state: Path | None = None, conduct: Conduct | None = None) -> LabConfig:
        """Facts of a lab that is about to be made."""
        prefix = "ul" + hashlib.sha256(name.encode()).hexdigest()[:4]
        names = ["control-plane", *(f"worker-{number}" for number in range(1, workers + 1))]
        nodes = tuple(
            Node(
                node,
                f"172.18.0.{10 + index}",
                f"10.244.{index}.0/24",
                control_plane=index == 0,
                management=f"172.19.0.{10 + index}",
            )
            for index, node in enumerate(names)
        )
        return cls(name, prefix, state or STATE_ROOT / name, nodes, conduct=conduct or Conduct())

    @classmethod
    def load(cls, state: Path) -> LabConfig:
        """Read ``lab.json`` of a state directory; ``FileNotFoundError`` if there is no lab."""
        data = json.loads((state / "lab.json").read_text())
        nodes = tuple(Node(**node) for node in data.pop("nodes"))
        told = data["conduct"]
        conduct = Conduct(Start(told["start"]), Pace(**told["pace"]), told["chaos"])
        return cls(**{**data, "state": Path(data["state"]), "nodes": nodes, "conduct": conduct})

    def save(self) -> None:
        """Write ``lab.json``, whole or not at all."""
        self.state.mkdir(parents=True, exist_ok=True)
        draft = self.state / "lab.json.new"
        draft.write_text(json.dumps({**asdict(self), "state": str(self.state)}, indent=1))
        draft.replace(self.state / "lab.json")

    def node(self, name: str) -> Node:
        """The node of that name; ``KeyError`` if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(f"lab {self.name} has no node {name}")

    def netns(self, node: str) -> str:
        """Name, under /run/netns, of the namespace of a node (or of ``net`` and ``out``)."""
        return f"{self.prefix}-{node}"

    @property
    def kubeconfig(self) -> Path:
        """The cluster administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def northbound(self) -> Path:
        """The northbound database's socket."""
        return self.state / "central" / "nb.sock"

    @property
    def southbound(self) -> Path:
        """The southbound database's socket."""
        return self.state / "central" / "sb.sock"
