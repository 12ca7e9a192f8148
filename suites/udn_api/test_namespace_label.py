"""The namespace label that a primary network needs."""

import pytest

from conformance import verifies
from conformance.kube.errors import refusal_of
from conformance.kube.manifests import PRIMARY_NETWORK_LABEL, label_patch
from conformance.kube.resources import NADS, NAMESPACES
from conformance.tenancy.tenants import NAMESPACE_NAME
from conformance.verdicts import Lifted


@verifies("udn-api/namespace-label-required")
def test_without_the_label_a_primary_network_takes_no_effect(tenants):
    labelled = tenants.primary_layer2("labelled")
    unlabelled = tenants.without_label("unlabelled")
    network = unlabelled.request_network(subnet=labelled.subnet)

    refusal = network.refusal()
    attached = labelled.pod("attached")
    outsider = unlabelled.pod("outsider")
    attached.wait_running()
    outsider.wait_running()

    assert "primary-user-defined-network" in refusal, f"the reason does not name the missing label: {refusal}"
    assert attached.primary_network is not None, f"{attached} of the labelled namespace has no primary network"
    assert outsider.primary_network is None, f"{outsider} got primary network {outsider.primary_network}"
    assert outsider.pod_ip == outsider.default_network.address
    assert tenants.api.list(NADS, unlabelled.namespace) == []


@verifies("udn-api/namespace-label-fixed-at-creation")
@pytest.mark.parametrize("labelled", [True, False], ids=["remove", "add"])
def test_the_label_is_fixed_when_the_namespace_is_created(tenants, labelled):
    tenant = tenants.empty("fixed") if labelled else tenants.without_label("fixed")
    api, namespace = tenants.api, tenant.namespace

    api.patch(NAMESPACES, namespace, None, label_patch("udn-conformance/another", "value"))
    change = label_patch(PRIMARY_NETWORK_LABEL, None if labelled else "")
    refused = refusal_of(lambda: api.patch(NAMESPACES, namespace, None, change))

    assert refused is not None, f"namespace {tenant}: its label was {'removed' if labelled else 'added'} afterwards"
    assert "cannot be added/removed" in refused.message, f"refused, but for another reason: {refused}"
    assert (PRIMARY_NETWORK_LABEL in api.get(NAMESPACES, namespace)["metadata"]["labels"]) is labelled


@verifies("udn-api/pod-waits-for-its-network")
def test_a_pod_waits_until_its_primary_network_exists(tenants):
    labelled = tenants.empty("waiting")
    ordinary = tenants.without_label("ordinary")
    waiting = labelled.pod("waiting")

    reason = waiting.wait_for_event("ErrorReconcilingPod")
    # How long a pod takes to start is seen on one that need not wait, created later.
    control = ordinary.pod("control")
    control.wait_running()
    assert waiting.phase == "Pending", f"{waiting} is {waiting.phase} with no primary network in its namespace"
    assert waiting.primary_network is None
    assert "primary-user-defined-network" in reason, f"the event does not say what is missing: {reason}"

    network = labelled.request_network()
    network.wait_ready()
    waiting.wait_running()
    assert waiting.primary_network is not None, f"{waiting} started without its primary network"
    assert waiting.primary_network.address in network.subnet


@verifies("udn-api/network-before-pods")
def test_a_network_that_comes_after_the_pods_leaves_them_where_they_are(tenants):
    tenant = tenants.without_label("inhabited")
    left, right = (tenant.pod(name, apart_from="ends") for name in ("left", "right"))
    for pod in (left, right):
        pod.wait_running()
    before = {pod: (pod.uid, pod.guest.nics()) for pod in (left, right)}
    left.guest.must_reach_address(right.pod_ip)

    network = tenant.request_network()
    if network.is_accepted():
        raise Lifted(f"{network} was accepted in a namespace whose pods were there before")

    for pod in (left, right):
        now = (pod.uid, pod.guest.nics())
        assert now == before[pod], f"{pod} was plumbed anew: it had {before[pod]}, now it has {now}"
        assert pod.primary_network is None, f"{pod} got primary network {pod.primary_network}"
    left.guest.must_reach_address(right.pod_ip)
    right.guest.must_reach_address(left.pod_ip)


@verifies("udn-api/system-namespaces-refused")
def test_system_namespaces_take_no_primary_network(tenants):
    for namespace in tenants.system_namespaces():
        with tenants.existing(namespace).request_network(f"intruder-{tenants.run_id}").briefly() as network:
            assert not network.is_accepted(), f"{network} is accepted in a system namespace"
            assert namespace in network.message(), f"{network}: the reason does not name it: {network.message()}"
            assert not network.attachment().exists(), f"{network} has {network.attachment()} all the same"


@verifies("udn-api/system-namespaces-refused")
def test_a_cluster_network_passes_system_namespaces_by(tenants):
    ordinary, system = tenants.empty("ordinary"), tenants.system_namespaces()
    selector = {
        "matchExpressions": [{"key": NAMESPACE_NAME, "operator": "In", "values": [ordinary.namespace, *system]}]
    }
    with tenants.request_cluster_network("everywhere", selector).briefly() as network:
        reason = network.refusal()
        network.wait_spans([ordinary.namespace])
        unnamed = [namespace for namespace in system if f'"{namespace}"' not in reason]
        assert unnamed == [], f"{network} does not say why {unnamed} are left out: {reason}"
