"""Faults of networks as objects: when they take effect, what they say, what they make, when they go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.controllers.networks.definition import system_namespace
from lab.controllers.networks.render import Rules
from lab.faults.registry import fault

Object = dict[str, Any]

LABEL_IGNORED = fault(
    "label-not-required",
    "a primary network takes effect in a namespace without the label",
    "udn-api/namespace-label-required",
    "udn-api/network-before-pods",
    message=r"/primary: no condition NetworkCreated=False within .*NetworkCreated=True"
    r"|/primary was accepted in a namespace whose pods were there before",
    run_options=("--timeout", "network-status=10"),
)


@LABEL_IGNORED.at("udn.label-required")
def _not_required(_: bool, **__: object) -> bool:
    return False


SYSTEM_TAKEN = fault(
    "system-namespaces-accepted",
    "the cluster's own namespaces take primary networks",
    "udn-api/system-namespaces-refused",
    message=r"UserDefinedNetwork (default|kube-\S+)/\S+ is accepted in a system namespace"
    r"|no condition NetworkCreated=False",
    run_options=("--timeout", "network-status=10"),
)


@SYSTEM_TAKEN.at("udn.label-required")
def _not_of_the_cluster(required: bool, namespace: str, **_: object) -> bool:
    return required and not system_namespace(namespace)


@SYSTEM_TAKEN.at("udn.system-namespaces-refused")
def _not_refused(_: bool, **__: object) -> bool:
    return False


STARTS_WITHOUT_NETWORK = fault(
    "pod-starts-without-network",
    "pods of a labelled namespace start on the default network while there is no primary one",
    "udn-api/pod-waits-for-its-network",
    message=r"event ErrorReconcilingPod",
    run_options=("--timeout", "event=10"),
)


@STARTS_WITHOUT_NETWORK.at("pods.wait-for-network")
def _do_not_wait(_: bool, **__: object) -> bool:
    return False


SECOND_REPLACES_FIRST = fault(
    "second-primary-replaces-first",
    "a second primary network is accepted, and pods get that one",
    "udn-api/one-primary-per-namespace",
    message=r"/second: no condition NetworkCreated=False within .*NetworkCreated=True",
    run_options=("--timeout", "network-status=10"),
)


@SECOND_REPLACES_FIRST.at("udn.second-primary-refused")
def _second_accepted(_: bool, **__: object) -> bool:
    return False


@SECOND_REPLACES_FIRST.at("udn.primary-of")
def _newest(_: object, candidates: list[Any], **__: object) -> Any:
    return candidates[-1]


IN_USE_TAKEN = fault(
    "in-use-network-deleted",
    "a network goes at once though pods use it",
    "udn-api/in-use-is-protected",
    message=r"/primary: no refusal naming \S+/left within .*not there|went while pods use it",
    run_options=("--timeout", "network-status=10"),
)


@IN_USE_TAKEN.at("udn.in-use-protected")
def _unprotected(_: bool, **__: object) -> bool:
    return False


def _nad_fault(name: str, says: str, message: str, **changed: object) -> None:
    defined = fault(name, says, "udn-api/ready-condition", message=message)

    @defined.at("nad.config")
    def alter(config: Object, **_: object) -> Object:
        return {**config, **changed}


_nad_fault(
    "attachment-says-layer3",
    "the attachment has another topology",
    r"/primary: topology is layer3, asked for was layer2",
    topology="layer3",
)
_nad_fault(
    "attachment-with-other-mtu",
    "the attachment has another MTU than was asked for",
    r"/primary: mtu is 1300, asked for was 1342",
    mtu=1300,
)
_nad_fault(
    "attachment-forgets-persistence",
    "the attachment does not say that addresses persist",
    r"/primary: allowPersistentIPs is False, asked for was True",
    allowPersistentIPs=False,
)


def _overlap_fault(name: str, range_name: str) -> None:
    defined = fault(
        name,
        f"networks may take addresses of the {range_name}",
        "udn-api/overlap-with-cluster-refused",
        message=rf"is accepted, though it overlaps the {range_name}",
    )

    @defined.at("udn.rules")
    def without(rules: Rules, **_: object) -> Rules:
        return replace(rules, reserved=tuple(entry for entry in rules.reserved if entry[0] != range_name))


_overlap_fault("overlap-with-cluster-subnet", "cluster subnet")
_overlap_fault("overlap-with-service-subnet", "service subnet")
_overlap_fault("overlap-with-join-subnet", "built-in join subnet")
_overlap_fault("overlap-with-masquerade-subnet", "masquerade subnet")

ANY_IPV6_HOST_SUBNET = fault(
    "ipv6-host-subnet-of-any-size",
    "nodes' parts of an IPv6 subnet may have any size",
    "udn-api/layer3-ipv6-host-subnet-64",
    message=r"is accepted with IPv6 host subnets of /80",
)


@ANY_IPV6_HOST_SUBNET.at("udn.rules")
def _of_any_size(rules: Rules, **_: object) -> Rules:
    return replace(rules, ipv6_host_subnet=None)


OTHER_JOIN = fault(
    "other-join-subnets-by-default",
    "a network that is not told takes other join subnets than the documented ones",
    "udn-api/join-subnet-defaults",
    message=r"asked for nothing: join subnets are .*100\.66\.0\.0/16",
)


@OTHER_JOIN.at("nad.config")
def _another_default(config: Object, **_: object) -> Object:
    join = str(config.get("joinSubnet", "")).replace("100.65.0.0/16", "100.66.0.0/16")
    return {**config, "joinSubnet": join} if join else config
