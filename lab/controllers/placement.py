"""Where a pod may run: the scheduler's rules as pure functions, with the reasons that Kubernetes gives.

Node selector, required node affinity, taints, required pod affinity and anti-affinity. Among the nodes that fit, the
one is taken that preferred pod affinity and anti-affinity speak for most, and of these the one with the fewest pods.
Preferred node affinity is not weighed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.controllers.selectors import expressions, selects

Object = dict[str, Any]

UNSCHEDULABLE = "node(s) were unschedulable"
NOT_MATCHED = "node(s) didn't match Pod's node affinity/selector"
NOT_AFFINE = "node(s) didn't match pod affinity rules"
NOT_APART = "node(s) didn't match pod anti-affinity rules"
KEPT_OUT = "node(s) didn't satisfy existing pods anti-affinity rules"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_FINISHED = ("Succeeded", "Failed")


class Unschedulable(Exception):
    """No node takes the pod; the message is the one that Kubernetes' scheduler gives."""


def choose(pod: Object, nodes: Sequence[Object], pods: Iterable[Object], namespaces: Mapping[str, Object]) -> str:
    """The name of the node for a pod, given every pod that has a node; raises :class:`Unschedulable`."""
    placed = [other for other in pods if other["spec"].get("nodeName") and not finished(other)]
    if not nodes:
        raise Unschedulable("no nodes available to schedule pods")
    reasons: Counter[str] = Counter()
    fitting: list[Object] = []
    for node in nodes:
        reason = refusal(pod, node, nodes, placed, namespaces)
        if reason is None:
            fitting.append(node)
        else:
            reasons[reason] += 1
    if not fitting:
        why = ", ".join(sorted(f"{number} {reason}" for reason, number in reasons.items()))
        total = len(nodes)
        raise Unschedulable(
            f"0/{total} nodes are available: {why}. preemption: 0/{total} nodes are available: "
            f"{total} Preemption is not helpful for scheduling."
        )
    load = Counter(other["spec"]["nodeName"] for other in placed)
    wishes = {_name(node): preference(pod, node, nodes, placed, namespaces) for node in fitting}
    return min((-wishes[_name(node)], load[_name(node)], _name(node)) for node in fitting)[2]


def refusal(
    pod: Object, node: Object, nodes: Sequence[Object], placed: Sequence[Object], namespaces: Mapping[str, Object]
) -> str | None:
    """Why a node does not take a pod, or None if it does."""
    taint = _untolerated(pod, node)
    if node["spec"].get("unschedulable"):
        return UNSCHEDULABLE
    if taint is not None:
        return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if not _ready(node):
        return "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
    if not matches_node(pod, node):
        return NOT_MATCHED
    return _relations(pod, node, nodes, placed, namespaces)


def matches_node(pod: Object, node: Object) -> bool:
    """Whether a node fulfils a pod's nodeSelector and required node affinity."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (pod["spec"].get("nodeSelector") or {}).items()):
        return False
    required = _affinity(pod, "nodeAffinity").get(_REQUIRED)
    if not required:
        return True
    fields = {"metadata.name": _name(node)}
    return any(
        all(term.holds(labels) for term in expressions(choice.get("matchExpressions") or ()))
        and all(term.holds(fields) for term in expressions(choice.get("matchFields") or ()))
        for choice in required.get("nodeSelectorTerms") or ()
        if choice.get("matchExpressions") or choice.get("matchFields")
    )


def preference(
    pod: Object, node: Object, nodes: Sequence[Object], placed: Sequence[Object], namespaces: Mapping[str, Object]
) -> int:
    """How much speaks for a node: the weights of preferred pod affinity, less those of anti-affinity.

    Both of the pod's own terms and of those by which the pods on the node speak of it, as Kubernetes' scheduler does.
    """
    by_name = {_name(other): other for other in nodes}
    weight = 0
    for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
        for other in placed:
            for owner, subject in ((pod, other), (other, pod)):
                for wish in _affinity(owner, kind).get(_PREFERRED) or ():
                    term = wish["podAffinityTerm"]
                    if _selected(term, owner, subject, namespaces) and _same_domain(term, node, other, by_name):
                        weight += sign * int(wish["weight"])
    return weight


def finished(pod: Object) -> bool:
    """Whether a pod has come to its end and holds nothing more."""
    return pod.get("status", {}).get("phase") in _FINISHED


def _relations(
    pod: Object, node: Object, nodes: Sequence[Object], placed: Sequence[Object], namespaces: Mapping[str, Object]
) -> str | None:
    by_name = {_name(other): other for other in nodes}
    for term in _affinity(pod, "podAffinity").get(_REQUIRED) or ():
        wanted = [other for other in placed if _selected(term, pod, other, namespaces)]
        # The first of a group that wants to be together has nobody to be with yet.
        alone = not wanted and _selected(term, pod, pod, namespaces)
        if not alone and not any(_same_domain(term, node, other, by_name) for other in wanted):
            return NOT_AFFINE
    for term in _affinity(pod, "podAntiAffinity").get(_REQUIRED) or ():
        if any(_selected(term, pod, o, namespaces) and _same_domain(term, node, o, by_name) for o in placed):
            return NOT_APART
    for other in placed:
        for term in _affinity(other, "podAntiAffinity").get(_REQUIRED) or ():
            if _selected(term, other, pod, namespaces) and _same_domain(term, node, other, by_name):
                return KEPT_OUT
    return None


def _selected(term: Object, owner: Object, other: Object, namespaces: Mapping[str, Object]) -> bool:
    """Whether a pod affinity term of ``owner`` selects ``other``."""
    namespace = other["metadata"]["namespace"]
    names = set(term.get("namespaces") or ())
    selector = term.get("namespaceSelector")
    if not names and selector is None:
        names = {owner["metadata"]["namespace"]}
    labels = namespaces.get(namespace, {}).get("metadata", {}).get("labels")
    if namespace not in names and not selects(selector, labels):
        return False
    return selects(term.get("labelSelector"), other["metadata"].get("labels"))


def _same_domain(term: Object, node: Object, other: Object, nodes: Mapping[str, Object]) -> bool:
    key = term["topologyKey"]
    there = nodes.get(other["spec"]["nodeName"])
    value = (node["metadata"].get("labels") or {}).get(key)
    return there is not None and value is not None and (there["metadata"].get("labels") or {}).get(key) == value


def _untolerated(pod: Object, node: Object) -> Object | None:
    tolerations = pod["spec"].get("tolerations") or ()
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] == "PreferNoSchedule":
            continue
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            return dict(taint)
    return None


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def _ready(node: Object) -> bool:
    conditions = node.get("status", {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _affinity(pod: Object, kind: str) -> Object:
    return ((pod["spec"].get("affinity") or {}).get(kind)) or {}


def _name(node: Object) -> str:
    return str(node["metadata"]["name"])
