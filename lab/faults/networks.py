"""Faults of networks as objects: when they take effect, what they say, what they make, when they go."""

from __future__ import annotations

from typing import Any

from lab.faults.registry import fault

Object = dict[str, Any]

LABEL_IGNORED = fault(
    "label-not-required",
    "a primary network takes effect in a namespace without the label",
    "udn-api/namespace-label-required",
    message=r"/primary: no condition NetworkCreated=False within .*NetworkCreated=True",
    run_options=("--timeout", "network-status=10"),
)


@LABEL_IGNORED.at("udn.label-required")
def _not_required(_: bool, **__: object) -> bool:
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
