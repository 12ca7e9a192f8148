"""One user-defined network, namespaced or of the cluster, as its tenant sees it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from conformance.evidence import step
from conformance.kube.api import Api, Object, Selection
from conformance.kube.errors import Refused, refusal_of
from conformance.kube.resources import CUDNS, NADS, Resource
from conformance.kube.waits import Deadline, TimedOut, follow, wait_gone, wait_until
from conformance.tenancy.subnets import Subnet

# OKD 4.17's document (seed 004) knows NetworkReady; newer releases report NetworkCreated.
READY_TYPES = ("NetworkCreated", "NetworkReady")
DEFAULT_MTU = 1400


@dataclass(frozen=True)
class Attachment:
    """The NetworkAttachmentDefinition that a network makes in a namespace."""

    api: Api
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"attachment definition {self.namespace}/{self.name}"

    def exists(self) -> bool:
        """Whether it is there and not on its way out."""
        found = self.api.find(NADS, self.name, self.namespace)
        return found is not None and "deletionTimestamp" not in found["metadata"]

    @property
    def config(self) -> dict[str, Any]:
        """The CNI configuration; ``AssertionError`` when it is no JSON object."""
        text = self.api.get(NADS, self.name, self.namespace)["spec"]["config"]
        config = json.loads(text)
        assert isinstance(config, dict), f"{self}: its configuration is no object: {text}"
        return config

    @property
    def owner_uid(self) -> str | None:
        """UID of the controlling owner."""
        owners = self.api.get(NADS, self.name, self.namespace)["metadata"].get("ownerReferences", [])
        return next((owner["uid"] for owner in owners if owner.get("controller")), None)


class Network:
    """A UserDefinedNetwork or ClusterUserDefinedNetwork, seen from one namespace."""

    def __init__(
        self,
        api: Api,
        kind: Resource,
        name: str,
        namespace: str,
        subnet: Subnet,
        mtu: int | None,
        host_subnet: int | None = None,
        ipv6_subnet: Subnet | None = None,
    ) -> None:
        """``host_subnet``: prefix length of a node's part of the subnet, on Layer3; ``ipv6_subnet``: a second one."""
        self.api = api
        self.kind = kind
        self.name = name
        self.namespace = namespace
        self.subnet = subnet
        self.mtu = mtu or DEFAULT_MTU
        self.host_subnet = host_subnet
        self.ipv6_subnet = ipv6_subnet

    def __str__(self) -> str:
        return (
            f"{self.kind.kind} {self.name}" if self.kind is CUDNS else f"{self.kind.kind} {self.namespace}/{self.name}"
        )

    @property
    def topology(self) -> str:
        """How it lays out its subnets: ``Layer2`` or ``Layer3``."""
        return "Layer3" if self.host_subnet else "Layer2"

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """Its subnets, one a family."""
        return (self.subnet, self.ipv6_subnet) if self.ipv6_subnet else (self.subnet,)

    def read(self) -> Object:
        """The object as it is now."""
        return self.api.get(self.kind, self.name, self._home)

    @property
    def uid(self) -> str:
        """The object's UID."""
        return str(self.read()["metadata"]["uid"])

    def spec(self) -> dict[str, Any]:
        """The specification as it is now."""
        spec: dict[str, Any] = self.read()["spec"]
        return spec

    def is_ready(self) -> bool:
        """Whether the network reports itself created."""
        return condition_of(self.read()).get("status") == "True"

    def wait_ready(self) -> None:
        """Until the network reports itself created; ``TimedOut`` tells the reason that it gives instead."""
        with step(f"wait until {self} is ready"):
            wait_until(
                self.api,
                self.kind,
                self.name,
                self._home,
                lambda network: condition_of(network).get("status") == "True",
                timeout="network-ready",
                what="condition NetworkCreated=True",
            )

    def refusal(self) -> str:
        """The reason with which the network is not accepted; ``TimedOut`` if it gives none."""
        with step(f"wait until {self} tells why it is refused"):
            refused = wait_until(
                self.api,
                self.kind,
                self.name,
                self._home,
                lambda network: condition_of(network).get("status") == "False",
                timeout="network-status",
                what="condition NetworkCreated=False",
            )
        return str(condition_of(refused).get("message", ""))

    def is_accepted(self) -> bool:
        """Whether the network is created or refused, as soon as it says which; ``TimedOut`` if it says neither."""
        with step(f"wait until {self} tells whether it is accepted"):
            judged = wait_until(
                self.api,
                self.kind,
                self.name,
                self._home,
                lambda network: condition_of(network).get("status") in ("True", "False"),
                timeout="network-status",
                what="condition NetworkCreated",
            )
        return bool(condition_of(judged)["status"] == "True")

    def seen_from(self, namespace: str) -> Network:
        """The same network, as another namespace sees it."""
        more = (self.subnet, self.mtu, self.host_subnet, self.ipv6_subnet)
        return Network(self.api, self.kind, self.name, namespace, *more)

    def message(self) -> str:
        """What the network says of its creation now."""
        return str(condition_of(self.read()).get("message", ""))

    def wait_spans(self, namespaces: Iterable[str]) -> None:
        """Until it has an attachment definition of its own in each of the namespaces, and in no other.

        ``TimedOut`` names those where it has one at the end.
        """
        wanted, uid = sorted(namespaces), self.uid
        deadline = Deadline(self.api.timeouts["network-ready"])
        spanned: list[str] = []
        with step(f"wait until {self} spans {', '.join(wanted) or 'no namespace'}"):
            for found in follow(self.api, NADS, Selection(), deadline):
                spanned = sorted(nad["metadata"]["namespace"] for nad in found.values() if _is_of(nad, self.name, uid))
                if spanned == wanted:
                    return
        raise TimedOut(
            f"{self} has attachment definitions in {spanned}, expected {wanted}, after {deadline.seconds:g} s; "
            f"it says: {self.message()}"
        )

    def attachment(self) -> Attachment:
        """The attachment definition in the tenant's namespace."""
        return Attachment(self.api, self.namespace, self.name)

    def patch(self, body: dict[str, Any]) -> Object:
        """Merge a patch; ``Refused`` when the API does not take it."""
        return self.api.patch(self.kind, self.name, self._home, body)

    def edit_layer2(self, fields: dict[str, Any]) -> Refused | None:
        """Try to change fields of the Layer2 part; gives the API's refusal, if it refuses."""
        spec = {"layer2": fields}
        body = {"spec": {"network": spec}} if self.kind is CUDNS else {"spec": spec}
        return refusal_of(lambda: self.patch(body))

    def delete(self) -> None:
        """Ask for the network's deletion; it goes when nothing uses it any more."""
        with step(f"delete {self}"):
            self.api.delete(self.kind, self.name, self._home)

    @contextmanager
    def briefly(self) -> Iterator[Network]:
        """The network, until the block ends: then it is deleted."""
        try:
            yield self
        finally:
            self.delete()
            self.wait_gone()

    def wait_refuses_deletion(self, naming: object) -> str:
        """Until the network, being deleted, says that it is in use by ``naming``; gives its message.

        Raises ``TimedOut`` when it says nothing, or goes instead.
        """

        def in_use(network: Object) -> bool:
            message = str(condition_of(network).get("message", ""))
            return "deletionTimestamp" in network["metadata"] and "in use" in message and str(naming) in message

        with step(f"wait until {self} says that it is in use by {naming}"):
            what = f"refusal naming {naming}"
            kept = wait_until(self.api, self.kind, self.name, self._home, in_use, "network-status", what)
        return str(condition_of(kept)["message"])

    def wait_gone(self) -> None:
        """Until the network is gone."""
        with step(f"wait until {self} is gone"):
            wait_gone(self.api, self.kind, self.name, self._home, timeout="object-gone")

    @property
    def _home(self) -> str | None:
        return None if self.kind is CUDNS else self.namespace


def _is_of(attachment: Object, name: str, uid: str) -> bool:
    metadata = attachment["metadata"]
    owners = (owner["uid"] for owner in metadata.get("ownerReferences") or [] if owner.get("controller"))
    return metadata["name"] == name and uid in owners and "deletionTimestamp" not in metadata


def condition_of(network: Object) -> dict[str, Any]:
    """The condition by which a network tells whether it was created; empty if there is none yet."""
    conditions: list[dict[str, Any]] = network.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] in READY_TYPES), {})
