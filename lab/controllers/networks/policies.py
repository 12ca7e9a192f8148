"""NetworkPolicies: each a filter on the primary network of its namespace, kept up with pods, labels and networks."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface
from typing import Any

from lab.controllers.networks.annotation import DEFAULT, PRIMARY, read_pod_networks
from lab.controllers.networks.policy_rules import KIND, Member, filter_name, filter_of
from lab.controllers.networks.registry import MissingPrimary, Registry
from lab.controllers.placement import finished
from lab.controllers.runtime import Context, Controller, Key, key_of
from lab.fabric.model import DEFAULT_NETWORK
from lab.fabric.northbound import Northbound
from lab.resources import NADS, NAMESPACES, NETWORK_POLICIES, PODS

Object = dict[str, Any]


class Policies:
    """Keeps one filter a policy."""

    def __init__(self, context: Context, registry: Registry, northbound: Northbound) -> None:
        self._faults = context.faults
        self._registry = registry
        self._northbound = northbound
        self._pods = context.informers.of(PODS)
        self._namespaces = context.informers.of(NAMESPACES)
        self._policies = context.informers.of(NETWORK_POLICIES)
        self.controller = Controller("policies", self.reconcile)
        self.controller.watch(self._policies)
        self.controller.watch(context.informers.of(NADS), keys=self._all)
        self._pods.on_change(self._pod_changed)
        self._namespaces.on_change(self._namespace_changed)

    async def resume(self) -> None:
        """Look once at what an earlier run filtered: its policy may be gone."""
        for name in await self._northbound.filters():
            kind, *place = name.split("/")
            if kind == KIND:
                self.controller.enqueue(Key(*place))

    async def reconcile(self, key: Key) -> None:
        """Bring one policy's filter to where it should be."""
        policy = self._policies.get(*key)
        name = filter_name(key.namespace, key.name)
        if policy is None:
            if self._faults.decide("policy.delete", True, policy=key.name, namespace=key.namespace):
                await self._northbound.delete_filter(name)
            return
        try:
            primary = await self._registry.primary_of(key.namespace)
        except MissingPrimary:
            return
        network = DEFAULT_NETWORK if primary is None else primary.definition.network
        members = [member for pod in self._pods.list() if (member := self._member(pod, network)) is not None]
        labels = {obj["metadata"]["name"]: obj["metadata"].get("labels") or {} for obj in self._namespaces.list()}
        facts = {"policy": key.name, "namespace": key.namespace, "network": network}
        members = self._faults.decide("policy.members", members, **facts)
        filter = filter_of(policy, network, members, labels)
        await self._northbound.ensure_filter(self._faults.decide("policy.filter", filter, members=members, **facts))

    def _member(self, pod: Object, network: str) -> Member | None:
        """The pod on that network, if that is its primary one."""
        if finished(pod) or pod["spec"].get("hostNetwork"):
            return None
        for place, entry in read_pod_networks(pod).items():
            if entry["role"] != PRIMARY:
                continue
            attachment = None if place == DEFAULT else self._registry.attachment(place)
            name = DEFAULT_NETWORK if attachment is None else attachment.definition.network
            if name == network:
                addresses = tuple(str(ip_interface(address).ip) for address in entry["ip_addresses"])
                return Member(pod, entry["iface_id"], addresses)
        return None

    def _all(self, _: object = None) -> Iterable[Key]:
        return [key_of(policy) for policy in self._policies.list()]

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if _of_interest(old) != _of_interest(new):
            self._enqueue_all()

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        labels = [(state or {"metadata": {}})["metadata"].get("labels") for state in (old, new)]
        if labels[0] != labels[1]:
            self._enqueue_all()

    def _enqueue_all(self) -> None:
        for key in self._all():
            self.controller.enqueue(key)


def _of_interest(pod: Object | None) -> object:
    """What of a pod a policy looks at."""
    if pod is None or finished(pod):
        return None
    return pod["metadata"].get("labels"), read_pod_networks(pod)
