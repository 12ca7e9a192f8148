"""A Service of a tenant: what it is given, and the places at which its clients find it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.evidence import step
from conformance.kube.api import Api, Object
from conformance.kube.resources import SERVICES
from conformance.kube.waits import wait_until
from conformance.traffic.cells import Destination
from conformance.traffic.peers import Peer


class Service:
    """A Service that exists; nothing is cached."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name

    def __str__(self) -> str:
        return f"service {self.namespace}/{self.name}"

    @property
    def dns_name(self) -> str:
        """Its name in the cluster's DNS."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    def read(self) -> Object:
        """The object as it is now."""
        return self.api.get(SERVICES, self.name, self.namespace)

    @property
    def addresses(self) -> list[str]:
        """Its cluster addresses, in order; none of a headless one."""
        spec: Mapping[str, Any] = self.read()["spec"]
        found = spec.get("clusterIPs") or [spec.get("clusterIP", "")]
        return [str(address) for address in found if address not in ("", "None")]

    @property
    def address(self) -> str:
        """Its first cluster address; ``AssertionError`` if it has none."""
        addresses = self.addresses
        assert addresses, f"{self} has no cluster address"
        return addresses[0]

    def in_the_cluster(self, *answerers: Peer, target: int, protocol: str = "TCP") -> Destination:
        """Its cluster address, at the port that leads to ``target`` of its pods; ``answerers`` are those that may."""
        return Destination(str(self), self.address, answerers, int(self._port(target, protocol)["port"]))

    def at_node(self, node: str, address: str, *answerers: Peer, target: int, protocol: str = "TCP") -> Destination:
        """Its node port that leads to ``target``, at a node's address."""
        port = self._port(target, protocol).get("nodePort")
        assert port, f"{self} has no node port for {protocol} {target}: {self.read()['spec']}"
        return Destination(f"{self} at node {node}", address, answerers, int(port), node)

    def beyond(self, *answerers: Peer, target: int, protocol: str = "TCP") -> Destination:
        """Its external address, awaited; raises ``TimedOut`` when it gets none within ``external-address``."""
        with step(f"wait for the external address of {self}"):
            place = (self.api, SERVICES, self.name, self.namespace)
            what = "address in status.loadBalancer.ingress"
            given = wait_until(*place, lambda service: _external(service) is not None, "external-address", what)
        port = int(self._port(target, protocol)["port"])
        return Destination(f"{self} from beyond", str(_external(given)), answerers, port, "external")

    def _port(self, target: int, protocol: str) -> Mapping[str, Any]:
        ports: list[Mapping[str, Any]] = self.read()["spec"]["ports"]
        for port in ports:
            if port.get("targetPort") == target and port.get("protocol", "TCP") == protocol:
                return port
        raise AssertionError(f"{self} has no port that leads to {protocol} {target}: {ports}")


def _external(service: Object) -> str | None:
    ingress = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    return next((entry.get("ip") or entry.get("hostname") for entry in ingress), None)
