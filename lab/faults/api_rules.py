"""Faults of the API's own rules: what must be refused is accepted."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from lab.client import Client
from lab.config import LabConfig
from lab.controllers import manifests
from lab.faults.registry import Fault, fault
from lab.faults.seams import Faults
from lab.resources import CRDS

Object = dict[str, Any]
Weaken = Callable[[Object], None]

GROUP = "k8s.ovn.org"
RULES = "x-kubernetes-validations"
ACCEPTED = r"an invalid network \(.*\) is accepted: \{"


async def reinstall_rules(config: LabConfig) -> None:
    """Write networks' kinds and the namespace label's policy again, as the planted faults have them."""
    rules = {CRDS.kind: CRDS, manifests.POLICY_BINDINGS.kind: manifests.POLICY_BINDINGS}
    async with Client.from_kubeconfig(config.kubeconfig, "faults", Faults(config.state)) as client:
        for obj in manifests.load():
            if obj["kind"] in rules:
                await manifests.ensure(client, rules[obj["kind"]], obj)


def rule_fault(name: str, says: str, *breaks: str, message: str, weaken: Weaken) -> Fault:
    """A fault that takes something out of every schema within networks' kinds; ``weaken`` changes one in place."""
    defined = fault(name, says, *breaks, message=message, settle=reinstall_rules)

    @defined.at(f"api.{CRDS.kind}")
    def weakened(crd: Object, **_: object) -> Object:
        if crd.get("spec", {}).get("group") != GROUP:
            return crd
        crd = copy.deepcopy(crd)
        for version in crd["spec"]["versions"]:
            for schema in _schemas(version["schema"]["openAPIV3Schema"]):
                weaken(schema)
        return crd

    return defined


def without_rules(*parts: str) -> Weaken:
    """Drop the validation rules whose message contains one of ``parts``."""

    def weaken(schema: Object) -> None:
        if RULES in schema:
            schema[RULES] = [rule for rule in schema[RULES] if not any(part in rule["message"] for part in parts)]

    return weaken


def without(keyword: str, *properties: str) -> Weaken:
    """Drop a keyword of the schema (``enum``, ``minimum``) from properties of those names."""

    def weaken(schema: Object) -> None:
        for name in properties:
            schema.get("properties", {}).get(name, {}).pop(keyword, None)

    return weaken


def both(one: Weaken, other: Weaken) -> Weaken:
    """One after the other."""

    def weaken(schema: Object) -> None:
        one(schema)
        other(schema)

    return weaken


def _schemas(schema: Object) -> Iterator[Object]:
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from _schemas(inner)
    if "items" in schema:
        yield from _schemas(schema["items"])


rule_fault(
    "network-editable",
    "the API takes changes of a network's specification",
    "udn-api/immutable",
    message=r"(Cluster)?UserDefinedNetwork .* accepted a new (mtu|subnets|role|ipam)",
    weaken=without_rules("immutable"),
)
rule_fault(
    "persistent-without-subnets",
    "the API takes persistent addresses on a network without subnets",
    "udn-api/persistent-needs-subnets",
    message=ACCEPTED + r".*'lifecycle': 'Persistent'",
    weaken=without_rules("Subnets is required"),
)
rule_fault(
    "two-subnets-of-one-family",
    "the API takes two subnets of one family",
    "udn-api/subnets-one-per-family",
    message=ACCEPTED + r".*'subnets'",
    weaken=without_rules("different IP families"),
)
rule_fault(
    "malformed-subnets",
    "the API takes subnets that are no CIDR",
    "udn-api/subnets-one-per-family",
    message=ACCEPTED + r".*'subnets'",
    weaken=without_rules("CIDR is invalid"),
)
rule_fault(
    "mtu-without-least",
    "the API takes any MTU, however small",
    "udn-api/mtu-bounds",
    message=r"an invalid network \(576\) is accepted: .*'mtu': 575",
    weaken=without("minimum", "mtu"),
)
rule_fault(
    "mtu-without-greatest",
    "the API takes any MTU, however large",
    "udn-api/mtu-bounds",
    message=r"an invalid network \(65536\) is accepted: .*'mtu': 65537",
    weaken=without("maximum", "mtu"),
)
rule_fault(
    "small-mtu-with-ipv6",
    "the API takes an MTU below IPv6's least on a network with IPv6",
    "udn-api/mtu-bounds",
    message=r"an invalid network \(1280\) is accepted: .*'mtu': 1279",
    weaken=without_rules("MTU should be greater"),
)
rule_fault(
    "any-role",
    "the API takes any word for a role",
    "udn-api/topology-and-role-values",
    message=r"an invalid network \(role\) is accepted: .*'role': '(primary|Tertiary)'",
    weaken=without("enum", "role"),
)
rule_fault(
    "any-topology",
    "the API takes any word for a topology, with any settings",
    "udn-api/topology-and-role-values",
    message=r"an invalid network \(Layer4\) is accepted: .*'topology': 'Layer4'",
    weaken=both(without("enum", "topology"), without_rules("forbidden otherwise")),
)
rule_fault(
    "topology-without-its-settings",
    "the API takes a topology with the settings of another, or with none",
    "udn-api/topology-and-role-values",
    message=ACCEPTED + r".*'topology'",
    weaken=without_rules("forbidden otherwise"),
)
rule_fault(
    "persistent-without-ipam",
    "the API takes persistent addresses on a network whose addresses are nobody's business",
    "udn-api/persistent-needs-ipam-enabled",
    message=ACCEPTED + r".*'mode': 'Disabled', 'lifecycle': 'Persistent'",
    weaken=without_rules("lifecycle Persistent is only supported"),
)
rule_fault(
    "primary-without-ipam",
    "the API takes a primary network without address management",
    "udn-api/ipam-disabled-is-secondary-only",
    message=ACCEPTED + r".*'role': 'Primary', 'ipam': \{'mode': 'Disabled'\}",
    weaken=without_rules("Disabled ipam.mode is only supported"),
)
rule_fault(
    "subnets-without-ipam",
    "the API takes subnets on a network without address management",
    "udn-api/ipam-disabled-is-secondary-only",
    message=r"an invalid network \(Subnets must be unset\) is accepted: .*'role': 'Secondary', 'subnets'",
    weaken=without_rules("Subnets must be unset"),
)
rule_fault(
    "join-subnets-on-secondary",
    "the API takes join subnets on a secondary network",
    "udn-api/join-subnets-primary-only",
    message=ACCEPTED + r".*'joinSubnets'",
    weaken=without_rules("JoinSubnets is only supported"),
)
rule_fault(
    "layer3-without-subnets",
    "the API takes a Layer3 network without subnets",
    "udn-api/layer3-subnets-required",
    message=r"an invalid network \(subnets\) is accepted: .*'topology': 'Layer3'",
    weaken=both(without("required", "layer3"), without("minItems", "subnets")),
)
rule_fault(
    "host-subnet-of-any-size",
    "the API takes host subnets that are as large as the network, or larger",
    "udn-api/layer3-subnets-required",
    message=r"an invalid network \(HostSubnet must be smaller than CIDR\) is accepted: .*'hostSubnet': 1[26]",
    weaken=without_rules("HostSubnet must be smaller"),
)

LABEL_UNPROTECTED = fault(
    "label-changes-allowed",
    "the label of primary networks can be put on namespaces and taken off as one likes",
    "udn-api/namespace-label-fixed-at-creation",
    message=r"namespace \S+: its label was (removed|added) afterwards",
    settle=reinstall_rules,
)


@LABEL_UNPROTECTED.at(f"api.{manifests.POLICY_BINDINGS.kind}")
def _only_audited(binding: Object, **_: object) -> Object:
    return {**binding, "spec": {**binding["spec"], "validationActions": ["Audit"]}}
