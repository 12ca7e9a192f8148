"""What is known of a lab: its name, its nodes and their addresses, where its files are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from ipaddress import ip_interface, ip_network
from pathlib import Path

from lab.pace import Pace

STATE_ROOT = Path("/run/udn-lab")
CACHE = Path("/var/cache/udn-lab")

# Pairs stand for IPv4 and IPv6; which of them a lab has, :meth:`LabConfig.of_its_families` tells.
CLUSTER_SUBNETS = ("10.244.0.0/16", "fd00:10:244::/48")
SERVICE_SUBNETS = ("10.96.0.0/16", "fd00:10:96::/112")
CLUSTER_DNS = "10.96.0.10"
UNDERLAY_SUBNETS = ("172.18.0.0/24", "fd00:172:18::/64")
UNDERLAY_ROUTERS = ("172.18.0.1", "fd00:172:18::1")
OUTSIDE_HOSTS = ("203.0.113.10", "2001:db8:113::10")
OUTSIDE_NAME = "outside.example"  # that host's, by the name server beyond the cluster
OUTSIDE_PORT = 8080  # answers one line by TCP and UDP
# On the physical network: the networks' own addresses beyond the cluster.
GATEWAY_SUBNETS = ("172.18.128.0/17", "fd00:172:18:8000::/64")
GATEWAY_ROUTERS = ("172.18.128.1", "fd00:172:18:8000::1")
EXTERNAL_SUBNET = "172.18.0.128/26"  # of the underlay: what services of type LoadBalancer get
MANAGEMENT_SUBNET = "172.19.0.0/24"  # a plain link between nodes, for bulk such as a VM's memory
JOIN_SUBNETS = ("100.64.0.0/16", "fd98::/64")
UDN_JOIN_SUBNETS = ("100.65.0.0/16", "fd99::/64")
MASQUERADE_SUBNETS = ("169.254.0.0/17", "fd69::/112")
TRANSIT_SUBNETS = ("100.88.0.0/16", "fd97::/64")
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


class Families(StrEnum):
    """The address families of a lab."""

    IPV4 = "ipv4"
    DUAL = "ipv4,ipv6"

    @classmethod
    def of_this_kernel(cls) -> Families:
        """Both, unless the kernel has no IPv6 at all: whether the host uses it does not matter."""
        return cls.DUAL if Path("/proc/sys/net/ipv6").exists() else cls.IPV4

    @property
    def versions(self) -> tuple[int, ...]:
        """4, or 4 and 6."""
        return (4, 6) if self is Families.DUAL else (4,)


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
    families: Families = field(default_factory=Families.of_this_kernel)


@dataclass(frozen=True)
class Node:
    """One node: a network namespace with its own OVS and ovn-controller."""

    name: str
    address: str
    host_subnet: str
    control_plane: bool = False
    management: str = ""
    ipv6: str = ""
    """Its IPv6 address; empty in a lab of IPv4 alone, as is the subnet."""
    ipv6_subnet: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, one a family."""
        return (self.address, self.ipv6) if self.ipv6 else (self.address,)

    @property
    def host_subnets(self) -> tuple[str, ...]:
        """Its pods' subnets, one a family."""
        return (self.host_subnet, self.ipv6_subnet) if self.ipv6_subnet else (self.host_subnet,)


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
        conduct = conduct or Conduct()
        dual = conduct.families is Families.DUAL
        nodes = tuple(
            Node(
                node,
                f"172.18.0.{10 + index}",
                f"10.244.{index}.0/24",
                control_plane=index == 0,
                management=f"172.19.0.{10 + index}",
                ipv6=f"fd00:172:18::{10 + index}" if dual else "",
                ipv6_subnet=str(ip_network(f"fd00:10:244:{index}::/64")) if dual else "",
            )
            for index, node in enumerate(names)
        )
        return cls(name, prefix, state or STATE_ROOT / name, nodes, conduct=conduct)

    @classmethod
    def load(cls, state: Path) -> LabConfig:
        """Read ``lab.json`` of a state directory; ``FileNotFoundError`` if there is no lab."""
        data = json.loads((state / "lab.json").read_text())
        nodes = tuple(Node(**node) for node in data.pop("nodes"))
        told = data["conduct"]
        conduct = Conduct(Start(told["start"]), Pace(**told["pace"]), told["chaos"], Families(told["families"]))
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

    def of_its_families(self, subnets: Iterable[str]) -> tuple[str, ...]:
        """Those of addresses or subnets whose family the lab has."""
        versions = self.conduct.families.versions
        return tuple(subnet for subnet in subnets if ip_interface(subnet).version in versions)

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
