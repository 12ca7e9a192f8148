"""UserDefinedNetworks and ClusterUserDefinedNetworks on the real API: attachments, conditions, protection."""

from __future__ import annotations

import pytest

from lab.refusals import Refused
from lab.resources import CUDNS, IPAM_CLAIMS, NADS, NAMESPACES, PODS, UDNS
from tests.controllers.cluster import (
    LABEL,
    Cluster,
    attachment_config,
    condition,
    is_created,
    networks,
    refused_with,
)
from tests.controllers.conftest import Run

PROTECTION = "k8s.ovn.org/user-defined-network-protection"


def test_a_network_gets_its_attachment_and_says_so(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("shape")
        await cluster.ready_udn("shape", "net", ipam={"lifecycle": "Persistent"})
        udn = await cluster.until(
            UDNS, "net", "shape", lambda obj: condition(obj, "NetworkAllocationSucceeded").get("status") == "True"
        )
        nad = await cluster.client.get(NADS, "net", "shape")
        assert udn["metadata"]["finalizers"] == nad["metadata"]["finalizers"] == [PROTECTION]
        assert nad["metadata"]["ownerReferences"][0]["uid"] == udn["metadata"]["uid"]
        assert attachment_config(nad)["allowPersistentIPs"] is True
        assert condition(udn)["reason"] == "NetworkAttachmentDefinitionCreated"
        assert condition(udn)["message"] == "NetworkAttachmentDefinition has been created"
        assert "shape_net" in await cluster.northbound.networks()

    run(story)


def test_a_network_in_a_namespace_without_the_label_is_refused(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("plain", labelled=False)
        await cluster.udn("plain", "net")
        udn = await cluster.until(UDNS, "net", "plain", refused_with("invalid primary network state"))
        assert condition(udn)["reason"] == "SyncError"
        assert condition(udn)["message"] == (
            'invalid primary network state for namespace "plain": a valid primary user defined network or network '
            f'attachment definition custom resource, and required namespace label "{LABEL}" must both be present'
        )
        await cluster.pod("plain", "a")
        assert list(await cluster.connected("plain", "a")) == ["default"]
        assert (await cluster.client.list(NADS, "plain"))["items"] == []

    run(story)


@pytest.mark.parametrize("change", [{LABEL: None}, {LABEL: ""}])
def test_the_label_cannot_be_changed_later(run: Run, change: dict[str, str | None]) -> None:
    async def story(cluster: Cluster) -> None:
        name = "fixed" if change[LABEL] is None else "fixed-without"
        await cluster.namespace(name, labelled=change[LABEL] is None)
        with pytest.raises(Refused, match="label cannot be added/removed after the namespace was created"):
            await cluster.client.patch(NAMESPACES, name, None, {"metadata": {"labels": change}})
        await cluster.client.patch(NAMESPACES, name, None, {"metadata": {"labels": {"other": "x"}}})

    run(story)


def test_system_namespaces_take_no_primary_network(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("openshift-storage")
        await cluster.udn("openshift-storage", "net")
        await cluster.until(UDNS, "net", "openshift-storage", refused_with("openshift-storage"))
        await cluster.udn("default", "net")
        await cluster.until(UDNS, "net", "default", refused_with("invalid primary network state"))
        await cluster.client.delete(UDNS, "net", "default")
        await cluster.gone(UDNS, "net", "default")

    run(story)


def test_a_second_primary_network_is_refused_until_the_first_goes(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("twice")
        await cluster.ready_udn("twice", "first")
        await cluster.udn("twice", "second", "10.21.0.0/24")
        message = 'primary network already exist in namespace "twice": "first"'
        await cluster.until(UDNS, "second", "twice", refused_with(message))
        assert is_created(await cluster.client.get(UDNS, "first", "twice"))
        await cluster.client.delete(UDNS, "first", "twice")
        await cluster.until(UDNS, "second", "twice", is_created)

    run(story)


def test_two_networks_at_once_are_let_in_one_after_the_other(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("race")
        for name in ("one", "two", "three"):
            await cluster.udn("race", name)
        for name in ("one", "two", "three"):
            await cluster.until(UDNS, name, "race", condition)
        nads = (await cluster.client.list(NADS, "race"))["items"]
        assert len(nads) == 1

    run(story)


def test_an_attachment_of_somebody_else_stays(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("foreign")
        await cluster.client.create(
            NADS, {"metadata": {"name": "net", "namespace": "foreign"}, "spec": {"config": '{"type":"bridge"}'}}
        )
        await cluster.udn("foreign", "net")
        message = "foreign NetworkAttachmentDefinition with the desired name already exist [foreign/net]"
        await cluster.until(UDNS, "net", "foreign", refused_with(message))
        await cluster.client.delete(NADS, "net", "foreign")
        await cluster.until(UDNS, "net", "foreign", is_created)

    run(story)


def test_an_overlap_names_the_range(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("overlap")
        await cluster.udn("overlap", "net", "10.244.0.0/20")
        await cluster.until(UDNS, "net", "overlap", refused_with('overlaps cluster subnet "10.244.0.0/16"'))

    run(story)


def test_a_network_in_use_stays_until_its_pods_are_gone(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("used")
        await cluster.ready_udn("used", "net")
        await cluster.pod("used", "a")
        await cluster.connected("used", "a")
        await cluster.client.delete(UDNS, "net", "used")
        message = (
            "failed to delete NetworkAttachmentDefinition [used/net]: network in use by the following pods: [used/a]"
        )
        await cluster.until(UDNS, "net", "used", refused_with(message))
        assert "used_net" in await cluster.northbound.networks()
        await cluster.remove_pod("used", "a")
        await cluster.gone(UDNS, "net", "used")
        await cluster.gone(NADS, "net", "used")

    run(story)


def test_a_cluster_network_follows_its_namespaces(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("c-one", team="c")
        await cluster.namespace("c-two", team="c")
        await cluster.namespace("c-not", team="other")
        terms = [{"key": "team", "operator": "In", "values": ["c"]}, {"key": "out", "operator": "DoesNotExist"}]
        await cluster.cudn("shared", {"matchExpressions": terms})
        begin = "NetworkAttachmentDefinition has been created in following namespaces: "
        await _message(cluster, "shared", begin + "[c-one, c-two]")
        nad = await cluster.client.get(NADS, "shared", "c-two")
        assert attachment_config(nad)["name"] == "cluster_udn_shared"
        await cluster.namespace("c-three", team="c")
        await _message(cluster, "shared", begin + "[c-one, c-three, c-two]")
        await cluster.client.patch(NAMESPACES, "c-two", None, {"metadata": {"labels": {"out": ""}}})
        await _message(cluster, "shared", begin + "[c-one, c-three]")
        await cluster.gone(NADS, "shared", "c-two")
        await cluster.client.delete(NAMESPACES, "c-three")
        await cluster.gone(NAMESPACES, "c-three")
        await _message(cluster, "shared", begin + "[c-one]")
        await cluster.client.delete(CUDNS, "shared")
        await cluster.gone(CUDNS, "shared")
        assert (await cluster.client.list(NADS, "c-one"))["items"] == []

    run(story)


def test_a_cluster_network_serves_the_good_namespaces_and_tells_of_the_bad(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("g-good", team="g")
        await cluster.namespace("g-bad", labelled=False, team="g")
        await cluster.cudn("partly", {"matchLabels": {"team": "g"}})
        cudn = await cluster.until(CUDNS, "partly", None, refused_with('namespace "g-bad"'))
        assert condition(cudn)["reason"] == "NetworkAttachmentDefinitionSyncError"
        await cluster.until(NADS, "partly", "g-good", bool)
        await cluster.client.delete(CUDNS, "partly")
        await cluster.gone(CUDNS, "partly")

    run(story)


def test_pods_of_a_cluster_network_share_its_addresses(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("s-one", team="s")
        await cluster.namespace("s-two", team="s")
        await cluster.cudn("common", {"matchLabels": {"team": "s"}})
        await _message(cluster, "common", "[s-one, s-two]")
        found = []
        for namespace in ("s-one", "s-two"):
            await cluster.pod(namespace, "a")
            found.append((await cluster.connected(namespace, "a"))[f"{namespace}/common"]["ip_address"])
        assert sorted(found) == ["10.30.0.3/24", "10.30.0.4/24"]
        await cluster.client.delete(CUDNS, "common")
        await cluster.until(CUDNS, "common", None, refused_with("[s-one/a]"))
        for namespace in ("s-one", "s-two"):
            await cluster.remove_pod(namespace, "a")
        await cluster.gone(CUDNS, "common")

    run(story)


def test_layer3_and_localnet_reach_created(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("routed")
        layer3 = {"role": "Primary", "subnets": [{"cidr": "10.150.0.0/16", "hostSubnet": 24}]}
        spec = {"topology": "Layer3", "layer3": layer3}
        await cluster.client.create(UDNS, {"metadata": {"name": "net", "namespace": "routed"}, "spec": spec})
        await cluster.until(UDNS, "net", "routed", is_created)
        await cluster.pod("routed", "a", nodeName="worker-2")
        entry = (await cluster.connected("routed", "a"))["routed/net"]
        assert (entry["ip_address"], entry["gateway_ip"]) == ("10.150.2.3/24", "10.150.2.1")
        localnet = {
            "role": "Secondary",
            "physicalNetworkName": "tenant",
            "subnets": ["192.168.0.0/24"],
        }
        selector = {"matchLabels": {"kubernetes.io/metadata.name": "routed"}}
        network = {"topology": "Localnet", "localnet": localnet}
        await cluster.client.create(
            CUDNS, {"metadata": {"name": "physical"}, "spec": {"namespaceSelector": selector, "network": network}}
        )
        await cluster.until(CUDNS, "physical", None, is_created)
        await cluster.client.delete(CUDNS, "physical")

    run(story)


def test_everything_of_a_namespace_goes_with_it(run: Run) -> None:
    async def story(cluster: Cluster) -> None:
        await cluster.namespace("ending")
        await cluster.ready_udn("ending", "net", ipam={"lifecycle": "Persistent"})
        await cluster.pod("ending", "a")
        await cluster.connected("ending", "a")
        await cluster.client.delete(NAMESPACES, "ending")
        pod = await cluster.until(PODS, "a", "ending", lambda obj: "deletionTimestamp" in obj["metadata"])
        assert networks(pod)
        await cluster.remove_pod("ending", "a")
        await cluster.gone(NAMESPACES, "ending")
        for resource in (UDNS, NADS, PODS, IPAM_CLAIMS):
            assert (await cluster.client.list(resource, "ending"))["items"] == []

    run(story)


async def _message(cluster: Cluster, name: str, text: str) -> None:
    await cluster.until(CUDNS, name, None, lambda obj: text in condition(obj).get("message", ""))
