"""Where pods may run, and the reasons when they may not."""

from __future__ import annotations

from typing import Any

import pytest

from lab.controllers.placement import Unschedulable, choose

Object = dict[str, Any]

HOSTNAME = "kubernetes.io/hostname"
NOT_HELPFUL = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."


def node(name: str, taint: str | None = None, ready: bool = True, **labels: str) -> Object:
    taints = [{"key": taint, "effect": "NoSchedule"}] if taint else []
    return {
        "metadata": {"name": name, "labels": {HOSTNAME: name, **labels}},
        "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def pod(name: str, on: str | None = None, labels: dict[str, str] | None = None, **spec: Any) -> Object:
    if on:
        spec["nodeName"] = on
    return {"metadata": {"name": name, "namespace": "blue", "labels": labels or {}}, "spec": spec, "status": {}}


def apart(**labels: str) -> Object:
    return {"podAntiAffinity": required({"labelSelector": {"matchLabels": labels}, "topologyKey": HOSTNAME})}


def required(*terms: Object) -> Object:
    return {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}


NODES = [node("control", "node-role.kubernetes.io/control-plane"), node("w1", disk="fast"), node("w2")]
NAMESPACES: dict[str, Object] = {"blue": {"metadata": {"name": "blue", "labels": {"team": "blue"}}}}


def place(new: Object, *present: Object, nodes: list[Object] | None = None) -> str:
    return choose(new, NODES if nodes is None else nodes, present, NAMESPACES)


def test_the_emptier_node_is_taken() -> None:
    assert place(pod("a")) == "w1"
    assert place(pod("b"), pod("a", on="w1")) == "w2"


def test_finished_pods_do_not_count() -> None:
    done = pod("a", on="w1", labels={"app": "x"})
    done["status"]["phase"] = "Succeeded"
    assert place(pod("b", labels={"app": "x"}, affinity=apart(app="x")), done) == "w1"


def test_node_selector() -> None:
    assert place(pod("a", nodeSelector={HOSTNAME: "w2"})) == "w2"
    with pytest.raises(Unschedulable) as refused:
        place(pod("a", nodeSelector={"zone": "none"}))
    assert str(refused.value) == (
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        f"2 node(s) didn't match Pod's node affinity/selector. {NOT_HELPFUL}"
    )


def test_node_affinity_takes_any_of_its_terms() -> None:
    terms = [
        {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["none"]}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["w2"]}]},
    ]
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    assert place(pod("a", affinity={"nodeAffinity": rule})) == "w2"


def test_a_toleration_opens_a_tainted_node() -> None:
    toleration = {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
    assert place(pod("a", tolerations=[toleration], nodeSelector={HOSTNAME: "control"})) == "control"


def test_pods_that_want_to_be_apart() -> None:
    one, two = (pod(name, on=where, labels={"app": "x"}) for name, where in (("a", "w1"), ("b", "w2")))
    assert place(pod("c", affinity=apart(app="x")), one) == "w2"
    with pytest.raises(Unschedulable, match=r"2 node\(s\) didn't match pod anti-affinity rules"):
        place(pod("c", affinity=apart(app="x")), one, two)


@pytest.mark.parametrize(("kind", "taken"), [("podAntiAffinity", "w1"), ("podAffinity", "w2")])
def test_a_preference_outweighs_the_emptier_node_and_forbids_none(kind: str, taken: str) -> None:
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": HOSTNAME}
    wish = {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}}
    other = pod("a", on="w2", labels={"app": "x"})
    load = [pod("b", on="w1" if kind == "podAntiAffinity" else "w2"), pod("c", on="w1")]

    assert place(pod("d", labels={"app": "x"}, affinity=wish), other, *load) == taken
    assert place(pod("e", affinity=wish, nodeSelector={HOSTNAME: "w2"}), other) == "w2"


def test_a_pod_that_keeps_others_out() -> None:
    jealous = pod("a", on="w1", affinity=apart(app="x"))
    assert place(pod("b", labels={"app": "x"}), jealous, pod("c", on="w2"), pod("d", on="w2")) == "w2"


def test_pods_that_want_to_be_together() -> None:
    together = {"podAffinity": required({"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": HOSTNAME})}
    present = [pod("a", on="w2", labels={"app": "x"}), pod("b", on="w2")]
    assert place(pod("c", affinity=together), *present) == "w2"
    with pytest.raises(Unschedulable, match="didn't match pod affinity rules"):
        place(pod("c", affinity=together))
    assert place(pod("first", labels={"app": "x"}, affinity=together)) == "w1"


def test_other_namespaces_count_only_when_named() -> None:
    other = pod("a", on="w1", labels={"app": "x"})
    other["metadata"]["namespace"] = "red"
    assert place(pod("b", affinity=apart(app="x")), other, pod("c", on="w2"), pod("d", on="w2")) == "w1"


def test_nodes_that_are_not_ready_or_cordoned() -> None:
    cordoned = node("w3")
    cordoned["spec"]["unschedulable"] = True
    nodes = [node("w1", ready=False), node("w2"), cordoned]
    assert place(pod("a"), nodes=nodes) == "w2"
    with pytest.raises(Unschedulable, match=r"1 node\(s\) were unschedulable"):
        place(pod("a", nodeSelector={HOSTNAME: "w3"}), nodes=nodes)
    with pytest.raises(Unschedulable, match="no nodes available"):
        place(pod("a"), nodes=[])
